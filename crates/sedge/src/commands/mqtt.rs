//! `sedge mqtt`: what MQTT clients need besides the node's configuration.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use sedge_node::passwords::{self, Changed};
use std::io::{IsTerminal, Read, Write, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

const PASSWORD_EXAMPLES: &str = "\
Examples:
  sedge mqtt password mqtt-passwords sensor-1             ask for the password
  echo -n secret | sedge mqtt password mqtt-passwords sensor-1
  sedge mqtt password mqtt-passwords sensor-1 --remove

The file is named in the node's configuration, next to where clients arrive:

  [[mqtt]]
  listen = \"0.0.0.0:1883\"

  [broker]
  passwords = \"mqtt-passwords\"

It has a line for each name, with a hash of its password (PBKDF2 of HMAC-SHA512), as
mosquitto_passwd writes them. A running node reads it again when it changes; who is
connected stays so.";

/// Write the passwords of MQTT clients
#[derive(Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct MqttArgs {
    #[command(subcommand)]
    command: MqttCommand,
}

#[derive(Subcommand)]
enum MqttCommand {
    /// Give a client a password, in a file that is made if it is not there
    #[command(after_help = PASSWORD_EXAMPLES)]
    Password {
        /// File of names and hashes of passwords
        file: PathBuf,

        /// The user name with which the client connects
        name: String,

        /// Take the name out of the file instead
        #[arg(long)]
        remove: bool,
    },
}

/// Runs the command.
pub(crate) fn run(args: MqttArgs) -> Result<ExitCode> {
    let MqttCommand::Password { file, name, remove } = args.command;
    let changed = if remove {
        passwords::remove(&file, &name)?
    } else {
        passwords::set(&file, &name, &password()?)?
    };
    let done = match changed {
        Changed::Added => "is new in",
        Changed::Replaced => "has another password in",
        Changed::Removed => "is no more in",
    };
    eprintln!("{} {done} {}", name.escape_debug(), file.display());
    Ok(ExitCode::SUCCESS)
}

/// Passwords that are longer are no passwords.
const BYTES_MAX: u64 = 1_024;

/// The password: typed twice at a terminal, or all of standard input. One end of line behind
/// it is not part of it.
fn password() -> Result<Vec<u8>> {
    let password = if stdin().is_terminal() {
        let typed = typed("Password: ")?;
        if typed != self::typed("The same again: ")? {
            bail!("the two differ");
        }
        typed
    } else {
        let mut bytes = Vec::new();
        stdin().lock().take(BYTES_MAX + 3).read_to_end(&mut bytes).context("read the password")?;
        without_line_end(bytes)
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    if password.len() as u64 > BYTES_MAX {
        bail!("the password has more than {BYTES_MAX} bytes");
    }
    Ok(password)
}

/// A line from the terminal, which does not show it.
fn typed(prompt: &str) -> Result<Vec<u8>> {
    let mut out = std::io::stderr();
    write!(out, "{prompt}").and_then(|()| out.flush()).context("ask for the password")?;
    let hidden = Hidden::begin();
    let mut line = String::new();
    stdin().read_line(&mut line).context("read the password")?;
    drop(hidden);
    // The end of the line was not shown either.
    writeln!(out).context("ask for the password")?;
    Ok(without_line_end(line.into_bytes()))
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

/// The terminal does not show what is typed, as long as this is there.
struct Hidden(libc::termios);

impl Hidden {
    /// `None`: the terminal does not let itself be told.
    fn begin() -> Option<Self> {
        // SAFETY: termios is plain numbers, for which zeros are values.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is standard input, and the struct is ours.
        if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) } != 0 {
            return None;
        }
        let mut hidden = before;
        hidden.c_lflag &= !libc::ECHO;
        set(&hidden).then_some(Hidden(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        set(&self.0);
    }
}

fn set(settings: &libc::termios) -> bool {
    // SAFETY: the descriptor is standard input, and the settings are only read.
    unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, settings) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_line_is_not_part_of_a_password() {
        for (typed, expected) in
            [("", ""), ("\n", ""), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a ")]
        {
            assert_eq!(without_line_end(typed.into()), expected.as_bytes(), "{typed:?}");
        }
    }
}

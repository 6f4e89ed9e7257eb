//! Names and passwords from a file that `mosquitto_passwd` writes: a line for each, with
//! PBKDF2 of HMAC-SHA512 (RFC 8018 §5.2): `name:$7$iterations$salt$hash`.

use super::{Authenticate, Authenticated, Credentials, Denied, Identity};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What a check may cost: about half a second on a slow core.
const ITERATIONS_MAX: u32 = 1_000_000;
/// What is written: as much work as OWASP advises for this function.
const ITERATIONS: u32 = 210_000;
const USERS_MAX: usize = 100_000;
const PASSWORD_BYTES_MAX: usize = 1_024;

static ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA512;

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}; hint: write the file with `mosquitto_passwd`")]
pub struct PasswordFileError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Names and the hashes of their passwords.
pub struct PasswordFile {
    users: HashMap<String, Arc<Hashed>>,
    /// Compared with what those give who are not in the file, so that the time it takes does
    /// not tell.
    nobody: Arc<Hashed>,
    checks: Arc<Semaphore>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashed {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl PasswordFile {
    /// Reads the text of such a file. `checks_max`: passwords that are checked at one time.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, checks_max: usize) -> Result<Self, Vec<PasswordFileError>> {
        let mut users = HashMap::new();
        let mut errors = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut wrong = |what| errors.push(PasswordFileError { line: index + 1, what });
            match line.split_once(':') {
                None => wrong("there is no `:` behind the name"),
                Some(("", _)) => wrong("there is no name"),
                Some(_) if users.len() >= USERS_MAX => {
                    wrong("there are more names than 100,000");
                    break;
                }
                Some((name, hash)) => match Hashed::parse(hash) {
                    Ok(hash) => {
                        if users.insert(name.to_owned(), Arc::new(hash)).is_some() {
                            wrong("this name was there before");
                        }
                    }
                    Err(what) => wrong(what),
                },
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // As much work as the most of those that are there.
        let iterations = users.values().map(|hashed| hashed.iterations).max();
        let nobody = Arc::new(Hashed {
            iterations: iterations.unwrap_or(NonZeroU32::MIN),
            salt: vec![0; 12],
            hash: vec![0; 64],
        });
        Ok(PasswordFile { users, nobody, checks: Arc::new(Semaphore::new(checks_max.max(1))) })
    }

    /// A line for such a file.
    ///
    /// # Errors
    /// The name cannot stand there, or the system has no randomness.
    pub fn line(name: &str, password: &[u8]) -> Result<String, PasswordFileError> {
        let wrong = |what| PasswordFileError { line: 1, what };
        if name.is_empty() || name.starts_with('#') || name.contains([':', '\n', '\r']) {
            return Err(wrong("a name has no `:`, and does not begin with `#`"));
        }
        let (mut salt, mut hash) = ([0; 12], [0; 64]);
        SystemRandom::new().fill(&mut salt).map_err(|_| wrong("there is no randomness"))?;
        let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
        pbkdf2::derive(ALGORITHM, iterations, &salt, password, &mut hash);
        let base64 = crate::http::tls::base64;
        Ok(format!("{name}:$7${iterations}${}${}", base64(&salt), base64(&hash)))
    }
}

impl Hashed {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix("$7$").ok_or("the password is not hashed as `$7$`")?;
        let mut parts = rest.split('$');
        let (Some(iterations), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("a hash is `$7$iterations$salt$hash`");
        };
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| "iterations are a number")?;
        if iterations.get() > ITERATIONS_MAX {
            return Err("there are more iterations than 1,000,000");
        }
        let salt = unbase64(salt).ok_or("the salt is not base64")?;
        let hash = unbase64(hash).ok_or("the hash is not base64")?;
        if hash.len() != 64 || salt.is_empty() {
            return Err("a hash has 64 bytes, and a salt some");
        }
        Ok(Hashed { iterations, salt, hash })
    }

    fn is_of(&self, password: &[u8]) -> bool {
        pbkdf2::verify(ALGORITHM, self.iterations, &self.salt, password, &self.hash).is_ok()
    }
}

impl Authenticate for PasswordFile {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        Box::pin(async move {
            let (Some(name), Some(password)) = (credentials.username, credentials.password) else {
                return Err(Denied::BadCredentials);
            };
            if password.len() > PASSWORD_BYTES_MAX {
                return Err(Denied::BadCredentials);
            }
            let unavailable = |_| Denied::Unavailable("the check has ended".to_owned());
            let permit = Arc::clone(&self.checks).acquire_owned().await;
            let permit = permit.map_err(|_| Denied::Unavailable("no more checks".to_owned()))?;
            let hashed = self.users.get(&name);
            let is_known = hashed.is_some();
            let hashed = Arc::clone(hashed.unwrap_or(&self.nobody));
            // It takes milliseconds, which a thread of connections does not have.
            let check = tokio::task::spawn_blocking(move || {
                let fits = hashed.is_of(&password);
                drop(permit);
                fits
            });
            match check.await.map_err(unavailable)? && is_known {
                true => Ok(Identity { username: Some(name.into()), acl: None }),
                false => Err(Denied::BadCredentials),
            }
        })
    }
}

/// RFC 4648 §4, with its padding.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let is_padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    if !is_padded || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(file: &PasswordFile, name: Option<&str>, password: Option<&[u8]>) -> Result<(), Denied> {
        let credentials = Credentials {
            client: "c".into(),
            username: name.map(str::to_owned),
            password: password.map(<[u8]>::to_vec),
            certificate: None,
            peer: ([127, 0, 0, 1], 1).into(),
            encrypted: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let identity = runtime.block_on(file.authenticate(credentials))?;
        assert_eq!(identity.username.as_deref(), name);
        Ok(())
    }

    /// Written by `mosquitto_passwd -b -c FILE ann secret` of mosquitto 2.0.11.
    const ANN: &str = include_str!("passwords/ann.txt");

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let hash = ANN.trim_end().split_once(':').expect("a line").1;
        let text = format!(
            "ann\n:{hash}\nbob:plain\nbob:$6$x$y\nbob:$7$0$AAAA$AAAA\nbob:$7$1000001$AAAA$AAAA\n\
             bob:$7$1$!$AAAA\nbob:$7$1$AAAA$AAAA\n# fine\n\ncat:{hash}\ncat:{hash}\n"
        );
        let errors = PasswordFile::parse(&text, 1).err().expect("wrong");
        let lines: Vec<usize> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8, 12]);
    }

    #[test]
    fn what_mosquitto_has_written_lets_in_and_nothing_else_does() {
        let file = PasswordFile::parse(ANN, 1).expect("a file");
        for (name, password) in [
            (None, None),
            (Some("ann"), None),
            (None, Some(&b"secret"[..])),
            (Some("ann"), Some(b"Secret")),
            (Some("ann"), Some(b"")),
            (Some("bob"), Some(b"secret")),
            (Some("ann"), Some(&[b'x'; 1_025])),
        ] {
            assert_eq!(ask(&file, name, password), Err(Denied::BadCredentials), "{name:?}");
        }
        assert_eq!(ask(&file, Some("ann"), Some(b"secret")), Ok(()));
    }

    #[test]
    fn what_is_written_here_lets_in() {
        let line = PasswordFile::line("bob", b"pass\x00word").expect("a line");
        let file = PasswordFile::parse(&line, 1).expect("a file");
        assert_eq!(ask(&file, Some("bob"), Some(b"pass\x00word")), Ok(()));
        assert!(PasswordFile::line("a:b", b"x").is_err());
    }

    #[test]
    fn base64_is_read_as_it_is_written() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", b"abcd", &[0xff, 0xfe, 0, 1, 2]] {
            assert_eq!(unbase64(&crate::http::tls::base64(bytes)).as_deref(), Some(bytes));
        }
        for bad in ["A", "AAAAA", "AA", "A===", "AA=A", "AAA*"] {
            assert_eq!(unbase64(bad), None, "{bad}");
        }
    }
}

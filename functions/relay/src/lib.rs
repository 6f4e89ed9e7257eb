//! Handles messages by `wasi:messaging`, the standard's interface, and does what they say: for
//! tests of what a node makes of it.
//!
//! The payload is a word and what belongs to it, separated by spaces:
//!
//! | payload | what happens |
//! |---|---|
//! | `told`, or anything that begins with `[` | what is told of the message is sent to `relay/told`, as JSON |
//! | `on CLIENT TOPIC TEXT` | the message itself goes on to the topic, with the text as its data |
//! | `new CLIENT TOPIC KEY TEXT` | a new message with that key and a content type goes to the topic |
//! | `retained TOPIC TEXT` | the text is published to the topic, retained |
//! | `edit` | everything that is told of the message is changed, and sent to `relay/told` |
//! | `fill BYTES` | a message of that size is sent to `relay/filled`, or else the error to `relay/told` |
//! | `refused` | what is not granted, or cannot be, is tried, and the errors are sent to `relay/told` |
//! | `half CLIENT TOPIC` | a message is sent to the topic, and then the handler fails |
//! | `late`, `cut`, `fail`, `never` | the handler fails, by each of the standard's errors |
//! | `trap`, `chatter`, `hoard` | the handler breaks: by itself, by too much that it says of a message, by messages that it keeps |
//!
//! With `RELAY_ECHO` in its environment it does nothing of this: what is told of each message,
//! it publishes to `RELAY_ECHO/TOPIC`, so that what lies in the log can be seen by MQTT.

use bindings::exports::wasi::messaging::incoming_handler::Guest;
use bindings::wasi::messaging::producer;
use bindings::wasi::messaging::types::{Client, Error, Message};
use serde_json::{Value, json};

/// Bindings to what is exported and imported.
#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:relay;
            world relay {
                import wasi:messaging/types@0.2.0-draft;
                import wasi:messaging/producer@0.2.0-draft;
                export wasi:messaging/incoming-handler@0.2.0-draft;
            }
        ",
        generate_all,
    });
}

struct Relay;

bindings::export!(Relay with_types_in bindings);

impl Guest for Relay {
    fn handle(message: Message) -> Result<(), Error> {
        if let Ok(echo) = std::env::var("RELAY_ECHO") {
            let topic = format!("{echo}/{}", message.topic().unwrap_or_default());
            return send("mqtt", &topic, text(&told(&message).to_string()));
        }
        let data = message.data();
        let words = String::from_utf8_lossy(&data).into_owned();
        let (word, rest) = words.split_once(' ').unwrap_or((&words, ""));
        match word {
            "on" | "new" | "retained" | "half" => relay(word, rest, message),
            "fill" => fill(rest),
            "edit" => edit(message),
            "refused" => tell(&refused()),
            "late" => Err(Error::Timeout),
            "cut" => Err(Error::Connection("it shall be cut".to_owned())),
            "fail" => Err(Error::Other("it shall fail".to_owned())),
            "never" => Err(Error::PermissionDenied("it shall never do".to_owned())),
            "trap" => panic!("it shall trap"),
            "chatter" => {
                (0..10_000).for_each(|one| message.add_metadata(&one.to_string(), "x"));
                Ok(())
            }
            "hoard" => hoard(),
            "told" => tell(&told(&message)),
            _ if words.starts_with('[') => tell(&told(&message)),
            _ => Err(Error::PermissionDenied(format!("{word:?} is no word of mine"))),
        }
    }
}

/// Sends something to a topic that the message says.
fn relay(word: &str, rest: &str, message: Message) -> Result<(), Error> {
    let mut words = rest.splitn(if word == "new" { 4 } else { 3 }, ' ');
    let mut next = || words.next().unwrap_or_default();
    match word {
        "on" => {
            let (client, topic) = (next(), next());
            message.set_data(next().as_bytes());
            send(client, topic, message)
        }
        "new" => {
            let (client, topic, key) = (next(), next(), next());
            let new = text(next());
            new.set_content_type("text/x-relay");
            new.add_metadata("key", key);
            send(client, topic, new)
        }
        "retained" => {
            let topic = next();
            let new = text(next());
            new.add_metadata("retain", "true");
            send("mqtt", topic, new)
        }
        _ => {
            send(next(), next(), text("half"))?;
            Err(Error::Other("it shall fail after half".to_owned()))
        }
    }
}

fn fill(bytes: &str) -> Result<(), Error> {
    let bytes = bytes.parse().map_err(|_| Error::Other("no number of bytes".to_owned()))?;
    match send("log", "relay/filled", Message::new(&vec![b'x'; bytes])) {
        Ok(()) => Ok(()),
        Err(error) => tell(&json!(format!("{error:?}"))),
    }
}

/// Changes what is told of the message in every way there is, and tells it.
fn edit(message: Message) -> Result<(), Error> {
    message.add_metadata("device", "somebody-else");
    message.add_metadata("mine", "1");
    message.add_metadata("mine", "2");
    message.remove_metadata("epoch");
    message.remove_metadata("never-there");
    message.set_content_type("text/x-edited");
    let edited = told(&message);
    let new = Message::new(b"");
    let nothing = told(&new);
    new.set_metadata(&[("a".to_owned(), "b".to_owned())]);
    let set = new.metadata();
    new.set_metadata(&[]);
    tell(&json!({ "edited": edited, "nothing": nothing, "set": set, "emptied": new.metadata() }))
}

/// The errors of what is not granted, or cannot be.
fn refused() -> Value {
    let long = "x".repeat(600);
    let keyed = text("x");
    keyed.add_metadata("key", &long);
    let typed = text("x");
    typed.set_content_type(&long);
    let lines = text("x");
    lines.set_content_type("text/plain\r\nx: y");
    let errors = [
        Client::connect("nats://somewhere").err(),
        send("log", "elsewhere", text("x")).err(),
        send("mqtt", "elsewhere", text("x")).err(),
        send("mqtt-at-once", "elsewhere", text("x")).err(),
        send("log", "relay/+", text("x")).err(),
        send("log", "", text("x")).err(),
        send("log", "relay/x", keyed).err(),
        send("log", "relay/x", typed).err(),
        send("log", "relay/x", lines).err(),
    ];
    let errors = errors.map(|error| error.map(|error| format!("{error:?}")));
    json!(errors)
}

/// Keeps messages of a megabyte each until it is stopped.
fn hoard() -> Result<(), Error> {
    let data = vec![b'x'; 1 << 20];
    let mut all = Vec::new();
    loop {
        all.push(Message::new(&data));
    }
}

/// Everything that is told of a message; of long data the size only.
fn told(message: &Message) -> Value {
    let data = message.data();
    let short = str::from_utf8(&data).ok().filter(|text| text.len() <= 1_000);
    json!({
        "topic": message.topic(),
        "content_type": message.content_type(),
        "metadata": message.metadata(),
        "data": short,
        "bytes": data.len(),
        "sum": data.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
    })
}

fn tell(value: &Value) -> Result<(), Error> {
    send("log", "relay/told", text(&value.to_string()))
}

fn text(text: &str) -> Message {
    Message::new(text.as_bytes())
}

fn send(client: &str, topic: &str, message: Message) -> Result<(), Error> {
    let client = Client::connect(client)?;
    producer::send(&client, topic, message)?;
    client.disconnect()
}

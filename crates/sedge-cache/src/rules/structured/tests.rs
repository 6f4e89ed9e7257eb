use super::{Bare, Malformed, dictionary, list, unescaped, write_string, write_token_or_string};
use proptest::prelude::*;

fn read(text: &str) -> Result<Vec<(String, Bare<'_>)>, Malformed> {
    let mut members = Vec::new();
    dictionary(text.as_bytes(), |key, value| {
        members.push((String::from_utf8_lossy(key).into_owned(), value));
        Ok(())
    })?;
    Ok(members)
}

#[test]
fn malformed_dictionaries_are_refused_whole() {
    for bad in [
        "max-age=10000, &&&&&",
        "Max-Age=1",
        "max-age =1",
        "max-age= 1",
        "a,",
        "a,,b",
        ",a",
        "=1",
        "a=",
        "a b",
        "a=1 b",
        "a=\"x",
        "a=\"\\x\"",
        "a=\"\u{1}\"",
        "a=1.",
        "a=1.2345",
        "a=1234567890123456",
        "a=1234567890123.1",
        "a=-",
        "a=--1",
        "a=?2",
        "a=?",
        "a=:x",
        "a=:-:",
        "a=(1",
        "a=(1\"x\")",
        "a=(1,2)",
        "a;=1",
        "a;B",
        "a=@1.5",
        "a=@x",
        "a=%x",
        "a=%\"%zz\"",
        "a=%\"%F0\"",
        "a=%\"x",
        "\ta",
        "9=1",
        "a=\u{e9}",
        "a=\"\u{e9}\"",
    ] {
        assert_eq!(read(bad), Err(Malformed), "{bad}");
    }
}

#[test]
fn well_formed_dictionaries() {
    assert_eq!(read(""), Ok(vec![]));
    assert_eq!(read("   "), Ok(vec![]));
    let members =
        read("  a=1 ,\tb;p=1;q, c=\"x, \\\"y\\\"\", d=tok/en:x;p=?0, e=-7, f=?0, g=1.5  ");
    let wanted = [
        ("a", Bare::Integer(1)),
        ("b", Bare::Boolean(true)),
        ("c", Bare::String(b"x, \\\"y\\\"")),
        ("d", Bare::Token(b"tok/en:x")),
        ("e", Bare::Integer(-7)),
        ("f", Bare::Boolean(false)),
        ("g", Bare::Other),
    ];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(members, Ok(wanted.to_vec()));
    let odd = read("a=(1 \"x\";p  tok);q, b=:aGk=:, c=@1659578233, d=%\"f%c3%bc\", e=(), *x=1");
    let kinds: Vec<_> = odd.unwrap().into_iter().map(|(_, value)| value).collect();
    let other = Bare::Other;
    assert_eq!(kinds, [Bare::InnerList, other, other, other, Bare::InnerList, Bare::Integer(1)]);
    assert_eq!(read("a=999999999999999").unwrap()[0].1, Bare::Integer(999_999_999_999_999));
}

#[test]
fn lists_of_strings() {
    let read = |text: &str| {
        let mut strings = Vec::new();
        list(text.as_bytes(), |member| match member {
            Bare::String(string) => {
                strings.push(unescaped(string).into_string());
                Ok(())
            }
            _ => Err(Malformed),
        })
        .map(|()| strings)
    };
    for bad in ["a", "\"a\" \"b\"", "\"a\",", "\"a", "1"] {
        assert_eq!(read(bad), Err(Malformed), "{bad}");
    }
    assert_eq!(read("\"a\", \"b\\\\\\\"c\";x=1"), Ok(vec!["a".to_owned(), "b\\\"c".to_owned()]));
}

#[test]
fn what_cannot_be_a_token_is_written_as_a_string() {
    let written = |text: &str| {
        let mut out = Vec::new();
        write_token_or_string(&mut out, text);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written("Sedge"), "Sedge");
    assert_eq!(written("edge.example:8"), "edge.example:8");
    assert_eq!(written("9"), "\"9\"");
    assert_eq!(written(""), "\"\"");
    assert_eq!(written("a \"b\"\r\n\u{fc}"), "\"a \\\"b\\\"???\"");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "[a-c=;,()\"\\\\?:@%0-9. *-]{0,40}") {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let _ = dictionary(input, |_, _| Ok(()));
            let _ = list(input, |_| Ok(()));
            let _ = unescaped(input);
        }
    }

    #[test]
    fn a_written_string_is_read_again(text in "[ -~]{0,40}") {
        let mut out = Vec::new();
        write_string(&mut out, &text);
        let mut seen = None;
        let read = list(&out, |member| {
            if let Bare::String(string) = member {
                seen = Some(unescaped(string).into_string());
            }
            Ok(())
        });
        prop_assert_eq!(read, Ok(()));
        prop_assert_eq!(seen, Some(text));
    }
}

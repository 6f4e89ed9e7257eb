use super::*;

fn ours(mark: &str) -> Option<bool> {
    match mark {
        "br1" => Some(true),
        "gz1" => Some(false),
        _ => None,
    }
}

#[test]
fn what_is_no_tag_is_none() {
    for text in
        ["", "abc", "\"abc", "abc\"", "W/abc", "w/\"abc\"", "\"a\"b\"", "\"a b\"", "\"\u{7f}\""]
    {
        assert_eq!(Tag::parse(text), None, "{text:?}");
    }
    assert_eq!(Tag::parse("\"\""), Some(Tag { is_strong: true, opaque: "" }));
    assert_eq!(Tag::parse("W/\"é\""), Some(Tag { is_strong: false, opaque: "é" }));
}

#[test]
fn what_was_marked_is_recognized() {
    for text in ["\"abc\"", "W/\"abc\"", "\"a~sbr1\"", "\"\"", "W/\"~\""] {
        let marked = Tag::parse(text).expect("a tag").marked("br1");
        let tag = Tag::parse(&marked).expect("a tag");
        assert!(!tag.is_strong, "{marked}");
        let (own, mark) = tag.unmarked().expect("marked");
        assert_eq!((own.text().as_str(), mark), (text, "br1"));
    }
    // A strong tag is none that we made, nor is one with an empty mark.
    for text in ["\"abc~sbr1\"", "W/\"abc~s\"", "W/\"abc~xbr\"", "W/\"abc~\"", "W/\"abc~sb-r\""] {
        assert_eq!(Tag::parse(text).expect("a tag").unmarked(), None, "{text}");
    }
}

#[test]
fn conditions_are_translated_and_answers_translated_back() {
    let translate = |value: &str| Condition::translate(value, ours);
    for value in ["", "*", "\"abc\"", "W/\"abc~sxy9\"", "W/\"abc~sbr1\", junk"] {
        assert_eq!(translate(value), None, "{value}");
    }
    let one = translate("W/\"abc~sbr1\"").expect("changed");
    assert_eq!(one.field, "\"abc\"");
    assert_eq!(one.client_tag(Some("\"abc\"")), Some("W/\"abc~sbr1\""));
    assert_eq!(one.client_tag(Some("W/\"abc\"")), Some("W/\"abc~sbr1\""));
    assert_eq!(one.client_tag(Some("\"other\"")), None);
    assert_eq!(one.client_tag(None), Some("W/\"abc~sbr1\""));
    let several = translate("\"plain\", W/\"a~wgz1\", W/\"b~wbr1\"").expect("changed");
    assert_eq!(several.field, "\"plain\", W/\"b\"");
    assert_eq!(several.client_tag(Some("\"plain\"")), None);
    assert_eq!(several.client_tag(None), None);
    let other = translate("W/\"a~wgz1\"").expect("changed");
    assert_eq!((other.field.as_str(), other.client_tag(Some("\"a\""))), ("", None));
}

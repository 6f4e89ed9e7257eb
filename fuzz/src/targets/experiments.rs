//! Definitions of features and experiments, and who is put where by them.

use super::texts;
use sedge_kit::experiments::definitions::Definitions;
use sedge_kit::experiments::evaluate::{Notes, Visitor};
use sedge_kit::experiments::reader::Findings;
use sedge_kit::experiments::sticky::StickyDocuments;
use serde_json::Value;

/// Operators and members that mean something.
pub(super) const WORDS: &[&str] = &[
    "$and",
    "$not",
    "$elemMatch",
    "$inGroup",
    "$regex",
    "$vgte",
    "$alli",
    "\"condition\":{",
    "\"coverage\":",
    "\"ranges\":[[0,",
    "\"parentConditions\":[{\"id\":\"",
    "\"gate\":true",
    "\"variations\":[",
    "\"force\":",
    "\"hashVersion\":2",
    "\"minBucketVersion\":",
    "\"urlPatterns\":[",
    "null",
    "1e999",
];

/// A payload, a visitor's attributes, documents and URL, each in a line.
pub(super) fn payloads() -> Vec<Vec<u8>> {
    texts(&[
        "{}\n{}\n{}\n",
        "{\"features\":{\"a\":{\"defaultValue\":1,\"rules\":[{\"force\":2,\"coverage\":0.5,\"condition\":{\"id\":{\"$in\":[\"ann\",7]},\"v\":{\"$vgt\":\"1.2.3-rc.1\"}}},{\"variations\":[1,2],\"weights\":[0.3,0.7],\"namespace\":[\"n\",0,0.9],\"bucketVersion\":1,\"minBucketVersion\":1}]},\"b\":{\"rules\":[{\"parentConditions\":[{\"id\":\"a\",\"condition\":{\"value\":{\"$gt\":1}},\"gate\":true}],\"force\":{\"x\":[null]}}]}},\"savedGroups\":{\"g\":[1,\"x\"]}}\n{\"id\":\"ann\",\"v\":\"v1.2.3\"}\n[{\"attributeName\":\"id\",\"attributeValue\":\"ann\",\"assignments\":{\"a__1\":\"0\"}}]\n/?a=1",
        "{\"features\":{\"f\":{\"rules\":[{\"condition\":{\"$or\":[{\"tags\":{\"$elemMatch\":{\"$regexi\":\"^a(b|c)\\\\d\"}}},{\"$nor\":[{\"id\":{\"$inGroup\":\"g\"}}]}]},\"variations\":[true,false],\"filters\":[{\"seed\":\"s\",\"ranges\":[[0,0.5]]}],\"meta\":[{\"passthrough\":true},{\"key\":\"k\"}],\"hashVersion\":2}]}},\"savedGroups\":{\"g\":[]}}\n{\"id\":3,\"tags\":[\"AB1\"]}\nnull\nhttps://a.org/",
        "{\"experiments\":[{\"key\":\"e\",\"variations\":[{},{\"urlRedirect\":\"/new?a=1#x\"}],\"weights\":[0,1],\"persistQueryString\":true,\"urlPatterns\":[{\"type\":\"simple\",\"pattern\":\"*.org/a*?b=*\"},{\"type\":\"regex\",\"pattern\":\"x$\",\"include\":false}],\"parentConditions\":[{\"id\":\"f\"}]}],\"features\":{\"f\":{\"rules\":[{\"parentConditions\":[{\"id\":\"f\"}]}]}}}\n{\"id\":\"b\"}\n{}\nhttps://b.org/ab?b=%20&c",
        "{\"encryptedFeatures\":\"AAAAAAAAAAAAAAAAAAAAAA==.AAAAAAAAAAAAAAAAAAAAAA==\"}\n{}\n{}\n",
    ])
}

/// All features and experiments of a payload for a visitor.
pub(super) fn payload(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (payload, attributes, documents, url) = (line(), line(), line(), line());
    let key = "AAAAAAAAAAAAAAAAAAAAAA==";
    let Ok((definitions, findings)) = Definitions::parse(payload, Some(key)) else { return };
    check_places(payload, &findings);
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let (attributes, documents) = (json(attributes), StickyDocuments::read(&json(documents)));
    assert_eq!(StickyDocuments::read(&documents.to_json()), documents);
    for sticky in [None, Some(&documents)] {
        check_visitor(&definitions, &Visitor { url, sticky, ..Visitor::new(&attributes) });
    }
}

/// Every mistake has a place in the payload.
fn check_places(payload: &str, findings: &Findings) {
    let value: Value = serde_json::from_str(payload).expect("it was read before");
    // What was encrypted has its places elsewhere.
    if value.as_object().is_some_and(|members| members.keys().any(|name| name.starts_with("enc"))) {
        return;
    }
    for mistake in &findings.mistakes {
        assert!(value.pointer(&mistake.pointer).is_some(), "{mistake}");
    }
    for unknown in &findings.unknown {
        assert!(value.pointer(unknown).is_some(), "{unknown}");
    }
}

/// A visitor gets the same twice, is noted once, and stays.
fn check_visitor<'a>(definitions: &'a Definitions, visitor: &Visitor<'a>) {
    let mut documents = visitor.sticky.cloned();
    for feature in definitions.features() {
        let mut notes = Notes::default();
        let one = definitions.evaluate(feature.id(), visitor, &mut notes);
        let count = notes.exposures.len();
        assert_eq!(one, definitions.evaluate(feature.id(), visitor, &mut notes));
        assert_eq!(count, notes.exposures.len());
        if let Some((experiment, assignment)) = &one.experiment {
            assert!(assignment.index < experiment.variations().len());
        }
        for assignment in &notes.sticky {
            documents.as_mut().expect("only those who stay").remember(assignment);
        }
    }
    let redirect = definitions.redirect(visitor, &mut Notes::default());
    assert_eq!(redirect, definitions.redirect(visitor, &mut Notes::default()));
    for experiment in definitions.all_experiments() {
        definitions.assign(experiment, visitor, &mut Notes::default());
    }
}

//! The groups of cases: what each case gives, and what comes out.

use anyhow::{Context, Result};
use sedge_kit::experiments::assign::Assignment;
use sedge_kit::experiments::bucket::{self, Namespace, Range};
use sedge_kit::experiments::condition::Condition;
use sedge_kit::experiments::definitions::{Definitions, Experiment};
use sedge_kit::experiments::encrypted::decrypt;
use sedge_kit::experiments::evaluate::{Evaluation, Notes, Visitor};
use sedge_kit::experiments::reader::SavedGroups;
use sedge_kit::experiments::sticky::StickyDocuments;
use sedge_kit::experiments::url::query_override;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A case, what it wants and what it got.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) expected: Value,
    pub(super) got: Value,
}

type Judge = fn(&[Value]) -> Result<Verdict>;

/// Every group, in the order of the file.
pub(super) const GROUPS: &[(&str, Judge)] = &[
    ("evalCondition", condition),
    ("hash", hash),
    ("getBucketRange", bucket_range),
    ("feature", feature),
    ("run", run),
    ("chooseVariation", choose_variation),
    ("getQueryStringOverride", query_string),
    ("inNamespace", namespace),
    ("getEqualWeights", equal_weights),
    ("decrypt", decrypted),
    ("stickyBucket", sticky_bucket),
    ("urlRedirect", url_redirect),
];

/// Whether two values are the same; numbers are, if they are the same number.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there =
                |(name, value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(is_there)
        }
        _ => one == other,
    }
}

fn at(case: &[Value], index: usize) -> &Value {
    case.get(index).unwrap_or(&Value::Null)
}

fn text(case: &[Value], index: usize) -> Result<&str> {
    at(case, index).as_str().with_context(|| format!("item {index} is no text"))
}

fn number(case: &[Value], index: usize) -> Result<f64> {
    at(case, index).as_f64().with_context(|| format!("item {index} is no number"))
}

fn count(case: &[Value], index: usize) -> Result<usize> {
    // Fewer than none is none.
    Ok(at(case, index).as_i64().with_context(|| format!("item {index} is no count"))?.max(0)
        as usize)
}

fn verdict(case: &[Value], expected: usize, got: Value) -> Result<Verdict> {
    let name = at(case, 0).to_string();
    Ok(Verdict { name, expected: at(case, expected).clone(), got })
}

fn condition(case: &[Value]) -> Result<Verdict> {
    let groups = match at(case, 4) {
        Value::Null => SavedGroups::default(),
        groups => SavedGroups::read(groups).0,
    };
    let (condition, _) = Condition::read(at(case, 1), &groups);
    verdict(case, 3, json!(condition.holds(at(case, 2))))
}

fn hash(case: &[Value]) -> Result<Verdict> {
    let bucket = bucket::bucket(text(case, 0)?, text(case, 1)?, count(case, 2)? as u32);
    let verdict = verdict(case, 3, json!(bucket))?;
    Ok(Verdict { name: format!("{} of {}", at(case, 1), at(case, 0)), ..verdict })
}

/// The cases are rounded to eight places, as their specification says.
fn rounded(number: f64) -> f64 {
    (number * 1e8).round() / 1e8
}

fn ranges(value: &Value) -> Result<Vec<Range>> {
    let ranges = value.as_array().context("there are no ranges")?;
    let range = |range: &Value| {
        let pair = range.as_array().context("a range is no pair")?;
        Ok(Range { start: number(pair, 0)?, end: number(pair, 1)? })
    };
    ranges.iter().map(range).collect()
}

fn bucket_range(case: &[Value]) -> Result<Verdict> {
    let given = at(case, 1).as_array().context("there are no arguments")?;
    let weights: Option<Vec<f64>> =
        at(given, 2).as_array().map(|weights| weights.iter().filter_map(Value::as_f64).collect());
    let ranges = bucket::bucket_ranges(count(given, 0)?, number(given, 1)?, weights.as_deref());
    let pair = |range: &Range| [rounded(range.start), rounded(range.end)];
    verdict(case, 2, json!(ranges.iter().map(pair).collect::<Vec<_>>()))
}

fn choose_variation(case: &[Value]) -> Result<Verdict> {
    let chosen = bucket::choose(number(case, 1)?, &ranges(at(case, 2))?);
    verdict(case, 3, chosen.map_or(json!(-1), |index| json!(index)))
}

fn query_string(case: &[Value]) -> Result<Verdict> {
    verdict(case, 4, json!(query_override(text(case, 1)?, text(case, 2)?, count(case, 3)?)))
}

fn namespace(case: &[Value]) -> Result<Verdict> {
    let given = at(case, 2).as_array().context("there is no name space")?;
    let range = Range { start: number(given, 1)?, end: number(given, 2)? };
    let namespace = Namespace { id: text(given, 0)?.into(), range };
    verdict(case, 3, json!(namespace.contains(text(case, 1)?)))
}

fn equal_weights(case: &[Value]) -> Result<Verdict> {
    let weights = bucket::equal_weights(count(case, 0)?);
    verdict(case, 1, json!(weights.into_iter().map(rounded).collect::<Vec<_>>()))
}

fn decrypted(case: &[Value]) -> Result<Verdict> {
    verdict(case, 3, json!(decrypt(text(case, 1)?, text(case, 2)?).ok()))
}

/// What a case's context says, as a payload and a visitor.
struct Given {
    definitions: Definitions,
    groups: SavedGroups,
    attributes: Value,
    url: String,
    forced: BTreeMap<String, i64>,
    is_enabled: bool,
    is_qa: bool,
}

impl Given {
    fn read(context: &Value) -> Self {
        let forced = context["forcedVariations"].as_object().into_iter().flatten();
        let forced = forced.filter_map(|(key, index)| Some((key.clone(), index.as_i64()?)));
        Given {
            definitions: Definitions::read(context).0,
            groups: SavedGroups::read(&context["savedGroups"]).0,
            attributes: context["attributes"].clone(),
            url: context["url"].as_str().unwrap_or_default().to_owned(),
            forced: forced.collect(),
            is_enabled: context["enabled"] != json!(false),
            is_qa: context["qaMode"] == json!(true),
        }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor {
            url: &self.url,
            forced: Some(&self.forced),
            is_enabled: self.is_enabled,
            is_qa: self.is_qa,
            ..Visitor::new(&self.attributes)
        }
    }
}

fn feature(case: &[Value]) -> Result<Verdict> {
    let context = Given::read(at(case, 1));
    let key = text(case, 2)?;
    let evaluation = context.definitions.evaluate(key, &context.visitor(), &mut Notes::default());
    let expected = &at(case, 3)["experiment"];
    let got = evaluated(&evaluation, expected, &context.groups);
    verdict(case, 3, got)
}

fn evaluated(evaluation: &Evaluation<'_>, expected: &Value, groups: &SavedGroups) -> Value {
    let mut got = json!({
        "value": evaluation.value,
        "on": evaluation.is_on(),
        "off": !evaluation.is_on(),
        "source": evaluation.source.name(),
        "ruleId": evaluation.rule,
    });
    if let Some((experiment, assignment)) = &evaluation.experiment {
        got["experimentResult"] = assigned(assignment);
        // An experiment is as expected if what is expected is read as the same.
        got["experiment"] = match Experiment::read(expected, groups).0 {
            Some(read) if read == **experiment => expected.clone(),
            _ => json!(format!("{experiment:?}")),
        };
    }
    got
}

fn assigned(assignment: &Assignment<'_>) -> Value {
    let mut got = json!({
        "featureId": assignment.feature,
        "value": assignment.variation.value(),
        "variationId": assignment.index,
        "inExperiment": assignment.is_in,
        "hashUsed": assignment.is_by_hash,
        "hashAttribute": assignment.attribute,
        "hashValue": assignment.value,
        "key": assignment.variation.key(),
        "stickyBucketUsed": assignment.is_sticky,
    });
    if let Some(name) = assignment.variation.name() {
        got["name"] = json!(name);
    }
    if let Some(bucket) = assignment.bucket {
        got["bucket"] = json!(bucket);
    }
    if assignment.variation.is_passthrough() {
        got["passthrough"] = json!(true);
    }
    got
}

fn run(case: &[Value]) -> Result<Verdict> {
    let context = Given::read(at(case, 1));
    let (experiment, findings) = Experiment::read(at(case, 2), &context.groups);
    let experiment = experiment.with_context(|| format!("no experiment: {findings:?}"))?;
    let visitor = context.visitor();
    let got = context.definitions.assign(&experiment, &visitor, &mut Notes::default());
    let got = json!([got.variation.value(), got.is_in, got.is_by_hash]);
    let expected = json!([at(case, 3), at(case, 4), at(case, 5)]);
    Ok(Verdict { name: at(case, 0).to_string(), expected, got })
}

fn sticky_bucket(case: &[Value]) -> Result<Verdict> {
    let context = Given::read(at(case, 1));
    let mut sticky = StickyDocuments::read(at(case, 2));
    sticky.retain(&context.definitions.sticky_keys(&context.attributes));
    let before = sticky.clone();
    let visitor = Visitor { sticky: Some(&before), ..context.visitor() };
    let mut notes = Notes::default();
    let evaluation = context.definitions.evaluate(text(case, 3)?, &visitor, &mut notes);
    for assignment in &notes.sticky {
        sticky.remember(assignment);
    }
    let result = evaluation.experiment.map(|(_, assignment)| assigned(&assignment));
    let expected = json!([at(case, 4), at(case, 5)]);
    let got = json!([result, sticky.to_json()]);
    Ok(Verdict { name: at(case, 0).to_string(), expected, got })
}

fn url_redirect(case: &[Value]) -> Result<Verdict> {
    let context = Given::read(at(case, 1));
    let redirect = context.definitions.redirect(&context.visitor(), &mut Notes::default());
    let shown = redirect.map(|redirect| {
        json!({
            "inExperiment": redirect.assignment.is_in,
            "urlRedirect": redirect.target,
            "urlWithParams": redirect.url,
        })
    });
    verdict(case, 2, json!(shown.into_iter().collect::<Vec<_>>()))
}

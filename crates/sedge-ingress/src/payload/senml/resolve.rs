//! What holds from one record to the next, and what a record means by that (RFC 8428 §4.6).

use super::{Fields, Label, Labels, Number, PayloadError, PayloadLimits, Problem, Reading};
use crate::payload::record::{Scalar, out_of_time};
use crate::payload::{Time, Value};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::sync::Arc;

/// The version that RFC 8428 defines, and that holds where none is stated.
const VERSION: u64 = 10;
/// The same with secondary units (RFC 9100 §4): units are passed on by their names.
const VERSION_WITH_SECONDARY_UNITS: u64 = 26;

/// Times below this, in seconds, count from now (§4.5.3).
const RELATIVE_BELOW_S: i128 = 1 << 28;
const NS_PER_S: i128 = 1_000_000_000;

/// Padding should not be there, but does no harm.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The base fields as they stand.
#[derive(Default)]
pub(super) struct Base {
    name: Arc<str>,
    time_ns: Option<i128>,
    unit: Option<Arc<str>>,
    value: Option<Number>,
    sum: Option<Number>,
    /// Of the first record; all others must have the same (§4.4).
    version: Option<u64>,
}

impl Base {
    /// Takes the base fields of a record, which hold for it and those after it.
    pub(super) fn take(
        &mut self,
        fields: &Fields<'_>,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        self.check_version(fields)?;
        if let Some(name) = fields.text(Label::BaseName)? {
            self.name = name.into();
        }
        if let Some(unit) = unit(fields, Label::BaseUnit, limits)? {
            self.unit = Some(unit);
        }
        self.time_ns = fields.time_ns(Label::BaseTime)?.or(self.time_ns);
        self.value = fields.number(Label::BaseValue)?.or(self.value);
        self.sum = fields.number(Label::BaseSum)?.or(self.sum);
        Ok(())
    }

    fn check_version(&mut self, fields: &Fields<'_>) -> Result<(), PayloadError> {
        let at = |problem| fields.at(Label::BaseVersion, problem);
        let stated = match fields.number(Label::BaseVersion)? {
            None => None,
            Some(Number::Int(version @ 1..)) => Some(version.unsigned_abs()),
            Some(_) => return Err(at(Problem::expected("a positive integer as the version"))),
        };
        match (stated, self.version) {
            (None, None) => self.version = Some(VERSION),
            (None, Some(_)) => {}
            (Some(version), None) => {
                if version > VERSION && version != VERSION_WITH_SECONDARY_UNITS {
                    let problem = format!("a version of at most {VERSION}, not {version}");
                    return Err(at(Problem::expected(problem)));
                }
                self.version = Some(version);
            }
            (Some(version), Some(before)) if version != before => {
                let problem = format!("the version {before} of the records before");
                return Err(at(Problem::expected(problem)));
            }
            (Some(_), Some(_)) => {}
        }
        Ok(())
    }

    /// The reading that a record is.
    pub(super) fn resolve(
        &self,
        fields: &Fields<'_>,
        labels: Labels,
        limits: &PayloadLimits,
    ) -> Result<Reading, PayloadError> {
        let name = fields.text(Label::Name)?.unwrap_or_default();
        self.check_name(name, fields, limits)?;
        let sum = plus(fields, Label::Sum, self.sum, fields.number(Label::Sum)?)?;
        let value = self.value(fields, labels, limits)?;
        if value.is_none() && sum.is_none() {
            let hint = "a record has one of `v`, `vs`, `vb` and `vd`, or `s`";
            return Err(Problem::expected("a value or a sum").at(fields.place()).hint(hint));
        }
        let update_time = fields.time_ns(Label::UpdateTime)?.map(i64::try_from).transpose();
        Ok(Reading {
            base: self.name.clone(),
            name: name.into(),
            unit: unit(fields, Label::Unit, limits)?.or_else(|| self.unit.clone()),
            time: self.time(fields)?,
            value,
            sum,
            update_time_ns: update_time.map_err(|_| fields.at(Label::UpdateTime, out_of_time()))?,
            historical: false,
        })
    }

    /// Base name and name together must be a name (§4.5.1).
    fn check_name(
        &self,
        name: &str,
        fields: &Fields<'_>,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        let at = |problem| fields.at(Label::Name, problem);
        if self.name.len() + name.len() > limits.name_bytes_max {
            let problem = Problem::too_large("bytes of base name and name", limits.name_bytes_max);
            return Err(at(problem));
        }
        let mut bytes = self.name.bytes().chain(name.bytes());
        let is_name = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte));
        if !is_name {
            let expected = "base name and name that begin with a letter or digit and go on with \
                            those and `-:./_`";
            return Err(at(Problem::expected(expected)));
        }
        Ok(())
    }

    /// Base time and time together (§4.5.3); `None` if neither is there.
    fn time(&self, fields: &Fields<'_>) -> Result<Option<Time>, PayloadError> {
        let own_ns = fields.time_ns(Label::Time)?;
        if own_ns.or(self.time_ns).is_none() {
            return Ok(None);
        }
        let fail = || fields.at(Label::Time, out_of_time());
        let ns = own_ns.unwrap_or(0).checked_add(self.time_ns.unwrap_or(0)).ok_or_else(fail)?;
        let fits = i64::try_from(ns).map_err(|_| fail())?;
        Ok(Some(match ns < RELATIVE_BELOW_S * NS_PER_S {
            true => Time::SinceReceipt(fits),
            false => Time::Unix(fits),
        }))
    }

    /// The one value that a record may have (§4.2), base value included (§4.5.4).
    fn value(
        &self,
        fields: &Fields<'_>,
        labels: Labels,
        limits: &PayloadLimits,
    ) -> Result<Option<Value>, PayloadError> {
        use Label::{BooleanValue, DataValue, StringValue, Value as NumberValue};
        let kinds = [NumberValue, StringValue, BooleanValue, DataValue];
        let mut present = kinds.into_iter().filter(|&label| fields.get(label).is_some());
        let label = present.next();
        if let Some(second) = present.next() {
            return Err(fields.at(second, Problem::expected("no second value in one record")));
        }
        let bounded = |label, bytes: usize| match bytes > limits.value_bytes_max {
            true => {
                let problem = Problem::too_large("bytes of a value", limits.value_bytes_max);
                Err(fields.at(label, problem))
            }
            false => Ok(()),
        };
        Ok(match label {
            None | Some(NumberValue) => {
                let number = fields.number(NumberValue)?;
                plus(fields, NumberValue, self.value, number)?.map(Value::Number)
            }
            Some(BooleanValue) => fields.truth(BooleanValue)?.map(Value::Bool),
            Some(StringValue) => {
                let text = fields.text(StringValue)?.unwrap_or_default();
                bounded(StringValue, text.len())?;
                Some(Value::Text(text.into()))
            }
            Some(label) => {
                let bytes = data(fields, label, labels)?;
                bounded(label, bytes.len())?;
                Some(Value::Bytes(bytes))
            }
        })
    }
}

/// A base and what is added to it; what is not there counts as zero if the other is
/// (§4.5.4).
fn plus(
    fields: &Fields<'_>,
    label: Label,
    base: Option<Number>,
    own: Option<Number>,
) -> Result<Option<Number>, PayloadError> {
    match (base, own) {
        (Some(base), Some(own)) => base.plus(own).map(Some).ok_or_else(|| {
            fields.at(label, Problem::range("with its base it is too large for a float of 64 bits"))
        }),
        (base, own) => Ok(base.or(own)),
    }
}

fn unit(
    fields: &Fields<'_>,
    label: Label,
    limits: &PayloadLimits,
) -> Result<Option<Arc<str>>, PayloadError> {
    let Some(unit) = fields.text(label)? else { return Ok(None) };
    if unit.len() > limits.name_bytes_max {
        let problem = Problem::too_large("bytes of a unit", limits.name_bytes_max);
        return Err(fields.at(label, problem));
    }
    if unit.chars().any(char::is_control) {
        return Err(fields.at(label, Problem::expected("a unit without control characters")));
    }
    Ok(Some(unit.into()))
}

/// Bytes: as they are in CBOR, base64url in JSON.
fn data(fields: &Fields<'_>, label: Label, labels: Labels) -> Result<Box<[u8]>, PayloadError> {
    let (expected, found) = match (labels, fields.get(label)) {
        (Labels::Numbers, Some(Scalar::Bytes(bytes))) => return Ok(bytes.as_ref().into()),
        (Labels::Text, Some(Scalar::Text(text))) => {
            return BASE64URL
                .decode(text.as_bytes())
                .map(Vec::into_boxed_slice)
                .map_err(|_| fields.at(label, Problem::expected("base64url (RFC 4648 §5)")));
        }
        (Labels::Numbers, found) => ("bytes", found),
        (Labels::Text, found) => ("base64url as text", found),
    };
    let found = found.map_or("nothing", Scalar::kind);
    Err(fields.at(label, Problem::Type { expected, found }))
}

//! Which media type is which format.

/// A format of messages that stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// SenML in JSON (RFC 8428 §5).
    SenmlJson,
    /// SenML in CBOR (RFC 8428 §6).
    SenmlCbor,
    /// Objects of names and values in JSON.
    Json,
    /// The same in CBOR.
    Cbor,
    /// A table with a header (RFC 4180).
    Csv,
}

impl Format {
    /// Every media type that is understood, in the order in which they are offered.
    pub const MEDIA_TYPES: [(&'static str, Format); 7] = [
        ("application/senml+json", Format::SenmlJson),
        ("application/senml+cbor", Format::SenmlCbor),
        // A stream that is over is an array of records like any other (RFC 8428 §4.8).
        ("application/sensml+json", Format::SenmlJson),
        ("application/sensml+cbor", Format::SenmlCbor),
        ("application/json", Format::Json),
        ("application/cbor", Format::Cbor),
        ("text/csv", Format::Csv),
    ];

    /// The format of a media type as in a `Content-Type` (RFC 9110 §8.3), if it is
    /// understood: of the parameters, `charset` may say nothing but UTF-8 or a part of it,
    /// and `header` of a table may not be `absent` (RFC 4180 §3). Others are ignored.
    pub fn of_media_type(media_type: &str) -> Option<Format> {
        let mut parts = media_type.split(';').map(str::trim);
        let essence = parts.next()?;
        let (_, format) =
            *Self::MEDIA_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(essence))?;
        let understood = parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
            let value = value.trim().trim_matches('"');
            let is = |word: &str| value.eq_ignore_ascii_case(word);
            match name.trim().to_ascii_lowercase().as_str() {
                "charset" => is("utf-8") || is("us-ascii"),
                "header" if format == Format::Csv => !is("absent"),
                _ => true,
            }
        });
        understood.then_some(format)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn what_is_not_understood_has_no_format() {
        for bad in [
            "",
            "application/senml+xml",
            "text/csv; header=absent",
            "text/csv;charset=iso-8859-1",
            "application/json; charset=\"utf-16\"",
            "json",
        ] {
            assert_eq!(Format::of_media_type(bad), None, "{bad}");
        }
    }

    #[test]
    fn parameters_and_case_do_not_matter_otherwise() {
        let of = Format::of_media_type;
        assert_eq!(of("Application/SenML+JSON"), Some(Format::SenmlJson));
        assert_eq!(of("application/sensml+cbor;x=y;z"), Some(Format::SenmlCbor));
        assert_eq!(of("text/csv; charset=UTF-8; header=present"), Some(Format::Csv));
        assert_eq!(of("application/json;charset=\"utf-8\""), Some(Format::Json));
        assert_eq!(of("application/cbor"), Some(Format::Cbor));
    }
}

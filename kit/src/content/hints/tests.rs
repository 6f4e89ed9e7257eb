use super::*;

fn read(fields: &[(&str, &'static str)]) -> Hints {
    Hints::read(|name| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| *value))
}

const NOTHING: Hints = Hints {
    device: Device::Desktop,
    connection: Connection::Fast,
    saves_data: false,
    viewport_px: None,
    density_hundredths: None,
};

#[test]
fn what_is_malformed_or_out_of_range_is_as_if_it_was_not_sent() {
    for value in [
        "",
        " ",
        "-1",
        "0",
        "1e3",
        "1.",
        ".5",
        "0x10",
        "NaN",
        "inf",
        "9999999999999999999999",
        "32768000",
        "1,2",
        "é",
        "?1",
        "\"390\"",
        "1.0001",
    ] {
        let names = ["viewport-width", "sec-ch-viewport-width", "dpr", "sec-ch-dpr"];
        for name in names {
            let hints = read(&[(name, value)]);
            assert_eq!(
                (hints.viewport_px, hints.density_hundredths),
                (None, None),
                "{name} {value}"
            )
        }
    }
    for value in ["", "5", "fast", "slow", "2 g", "-"] {
        assert_eq!(read(&[("ect", value)]), NOTHING, "{value}");
    }
    for value in ["", "off", "1", "on on", "?1"] {
        assert_eq!(read(&[("save-data", value)]), NOTHING, "{value}");
    }
    for value in ["", "1", "?2", "mobile"] {
        assert_eq!(read(&[("sec-ch-ua-mobile", value)]), NOTHING, "{value}");
    }
    assert_eq!(read(&[("sec-ch-ua-form-factors", "Mob,,\"\u{0}\"")]), NOTHING);
    assert_eq!(read(&[]), NOTHING);
}

#[test]
fn sizes_of_the_viewport() {
    let hints =
        read(&[("sec-ch-viewport-width", "390"), ("viewport-width", "1"), ("dpr", "2.625")]);
    assert_eq!((hints.viewport_px, hints.density_hundredths), (Some(390), Some(262)));
    // The newer name counts only if it can be read.
    assert_eq!(read(&[("sec-ch-dpr", "x"), ("dpr", "3")]).density_hundredths, Some(300));
}

#[test]
fn connections_by_type_or_by_figures() {
    let cases: &[(&[(&str, &str)], Connection)] = &[
        (&[("ect", "slow-2g")], Connection::Slow),
        (&[("ect", "\"2g\"")], Connection::Slow),
        (&[("ect", "3G")], Connection::Medium),
        (&[("ect", "5g"), ("rtt", "3000")], Connection::Fast),
        (&[("ect", "what"), ("rtt", "1400")], Connection::Slow),
        (&[("rtt", "269")], Connection::Fast),
        (&[("rtt", "270"), ("downlink", "10")], Connection::Medium),
        (&[("downlink", "0.069")], Connection::Slow),
        (&[("downlink", "0.07")], Connection::Medium),
        (&[("downlink", "0.7")], Connection::Fast),
    ];
    for (fields, wanted) in cases {
        let found = Hints::read(|name| {
            fields.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
        });
        assert_eq!(found.connection, *wanted, "{fields:?}");
    }
    assert!(read(&[("save-data", "On; x")]).saves_data);
}

#[test]
fn devices_by_hint_then_by_user_agent() {
    const PHONE: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                         Chrome/140.0.0.0 Mobile Safari/537.36";
    const TABLET: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like \
                          Gecko) Chrome/140.0.0.0 Safari/537.36";
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) Mobile/15E148";
    const FIREFOX_TABLET: &str = "Mozilla/5.0 (Android 15; Tablet; rv:140.0) Firefox/140.0";
    const TV: &str = "Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 TV) Safari/537.36";
    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36";
    let cases: &[(&str, Device)] = &[
        (PHONE, Device::Mobile),
        (IPHONE, Device::Mobile),
        (TABLET, Device::Tablet),
        (IPAD, Device::Tablet),
        (FIREFOX_TABLET, Device::Tablet),
        (TV, Device::Desktop),
        (LINUX, Device::Desktop),
        ("curl/8.5.0", Device::Desktop),
    ];
    for (agent, wanted) in cases {
        assert_eq!(read(&[("user-agent", agent)]).device, *wanted, "{agent}");
    }
    let device = |fields: &[(&str, &'static str)]| read(fields).device;
    assert_eq!(device(&[("user-agent", LINUX), ("sec-ch-ua-mobile", "?1")]), Device::Mobile);
    assert_eq!(device(&[("user-agent", PHONE), ("sec-ch-ua-mobile", "?0")]), Device::Desktop);
    assert_eq!(device(&[("user-agent", TABLET), ("sec-ch-ua-mobile", "?0")]), Device::Tablet);
    let factors = ("sec-ch-ua-form-factors", "\"Desktop\", \"Tablet\"");
    assert_eq!(device(&[("user-agent", PHONE), factors]), Device::Tablet);
}

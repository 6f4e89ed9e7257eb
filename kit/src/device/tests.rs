use super::*;
use alloc::string::String;
use proptest::prelude::*;

const DESKTOP: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/143.0.0.0 Safari/537.36",
    "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18",
    // A part of Windows, not a tablet.
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
];
const MOBILE: &[&str] = &[
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
     Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 \
     Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
    "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; ARM; Trident/7.0; IEMobile/11.0)",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en))",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/4.2.14912/870; U; id) Presto/2.4.15",
    "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9 Safari",
    // Programs on phones, which do not say "Mobile".
    "Dalvik/2.1.0 (Linux; U; Android 11; SM-G998B Build/RP1A.200720.012)",
    "Shop/3.1 (iPhone14,2; iOS 18.5; Scale/3.00)",
    // A make of phones, and no crawler.
    "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/96.0 Mobile Safari",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Mobile Safari/537.36",
];
const TABLET: &[&str] = &[
    "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/12.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 \
     Safari/537.36",
    "Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0",
    "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/112.5.1 \
     like Chrome/112.0.5615.213 Safari/537.36",
    "Mozilla/5.0 (PlayBook; U; RIM Tablet OS 2.1.0; en-US) AppleWebKit/536.2+ Safari/536.2+",
    "Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) Version/5.0 Kindle/3.0+",
];
const TV: &[&str] = &[
    "Mozilla/5.0 (SMART-TV; LINUX; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/7.0 \
     TV Safari/537.36",
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606 \
     Safari/537.36 WebAppManager",
    "Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 Build/PTT1.190515.001) Chrome/100.0 Safari",
    "Mozilla/5.0 (Linux; Android 7.1.2; AFTMM Build/NS6265) AppleWebKit/537.36 Silk Mobile",
    "Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 Chrome/90.0 Safari/537.36 CrKey/1.54",
    "Roku/DVP-12.0 (12.0.0.4182-88)",
    "AppleTV11,1/11.1",
];
const BOT: &[&str] = &[
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like \
     Gecko) Chrome/143.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://google.com)",
    "Mozilla/5.0 AppleWebKit/537.36 (compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
    "AdsBot-Google",
    "Mediapartners-Google",
    "facebookexternalhit/1.1",
    "Baiduspider-render/2.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
     HeadlessChrome/143.0.0.0 Safari/537.36",
    "ia_archiver",
    "W3C_Validator/1.3",
    "WhatsApp/2.23.20.0 A",
    "SomethingNew/1.0 (+https://example.org/about)",
    "UptimeRobot/2.0",
    "Site24x7-Monitor",
];
const OTHER: &[&str] = &[
    "",
    "-",
    "curl/8.5.0",
    "Wget/1.21 (linux-gnu)",
    "python-requests/2.32 Linux/6.1",
    "okhttp/4.12.0",
    "Mozilla/5.0",
    "Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 Version/17.0 Safari",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 Edge/44.18363",
    "\u{0}\u{fffd}\u{1f4f1} Móbile",
    "Mobilephone Androids iPa d",
];

#[test]
fn kinds_by_user_agent() {
    let all = [
        (Kind::Desktop, DESKTOP),
        (Kind::Mobile, MOBILE),
        (Kind::Tablet, TABLET),
        (Kind::Tv, TV),
        (Kind::Bot, BOT),
        (Kind::Other, OTHER),
    ];
    for (wanted, agents) in all {
        for agent in agents {
            assert_eq!(Kind::of_user_agent(agent), wanted, "{agent}");
            let fields = |name: &str| (name == "user-agent").then_some(*agent);
            assert_eq!(Kind::of_fields(fields), wanted, "{agent}");
        }
    }
    assert_eq!(Kind::of_fields(|_| None), Kind::Other);
}

#[test]
fn a_crawler_says_with_which_device_it_looks() {
    let agent = Agent::parse(BOT[1]);
    assert_eq!(agent, Agent { form: Kind::Mobile, is_bot: true });
}

#[test]
fn hints_decide_on_the_form_only() {
    let kind = |agent: &'static str, hints: &[(&str, &'static str)]| {
        Kind::of_fields(|name| match name {
            "user-agent" => Some(agent),
            name => hints.iter().find(|(own, _)| *own == name).map(|(_, value)| *value),
        })
    };
    let factors = "sec-ch-ua-form-factors";
    assert_eq!(kind(DESKTOP[0], &[("sec-ch-ua-mobile", "?1")]), Kind::Mobile);
    assert_eq!(kind(MOBILE[1], &[("sec-ch-ua-mobile", "?0")]), Kind::Desktop);
    assert_eq!(kind(TABLET[1], &[("sec-ch-ua-mobile", "?0")]), Kind::Tablet);
    assert_eq!(kind(MOBILE[1], &[(factors, "\"Desktop\", \"Tablet\"")]), Kind::Tablet);
    assert_eq!(kind(DESKTOP[0], &[(factors, "\"XR\"")]), Kind::Other);
    assert_eq!(kind(DESKTOP[0], &[(factors, "\"Watch\"")]), Kind::Mobile);
    // What cannot be read is as if it were not there.
    assert_eq!(kind(TABLET[1], &[(factors, ",\"\u{0},;")]), Kind::Tablet);
    assert_eq!(kind(BOT[0], &[(factors, "\"Mobile\"")]), Kind::Bot);
    assert_eq!(kind(TV[0], &[("sec-ch-ua-mobile", "?0")]), Kind::Tv);
}

#[test]
fn what_is_too_long_says_nothing() {
    let long = |bytes: usize| {
        let mut text = String::from("Mozilla/5.0 (iPhone) Mobile ");
        text.extend(core::iter::repeat_n('a', bytes - text.len()));
        text
    };
    assert_eq!(Kind::of_user_agent(&long(AGENT_BYTES_MAX)), Kind::Mobile);
    assert_eq!(Kind::of_user_agent(&long(AGENT_BYTES_MAX + 1)), Kind::Other);
}

#[test]
fn scores_keep_to_their_limits() {
    for kind in [Kind::Desktop, Kind::Mobile, Kind::Tablet, Kind::Tv, Kind::Bot, Kind::Other] {
        let read = match kind.score() {
            0..30 => Kind::Mobile,
            30..70 => Kind::Tablet,
            _ => Kind::Desktop,
        };
        let is_small = matches!(kind, Kind::Mobile | Kind::Tablet);
        assert_eq!(read, if is_small { kind } else { Kind::Desktop }, "{}", kind.label());
    }
}

proptest! {
    /// Case and what stands between words make no difference, and nothing panics.
    #[test]
    fn words_count_not_their_case(text in "\\PC{0,80}", which in 0..MOBILE.len()) {
        let _ = Kind::of_user_agent(&text);
        let upper = MOBILE[which].to_ascii_uppercase();
        // The beginning says that it is a browser, and is always the same.
        let rest = upper.find('/').unwrap_or(0);
        let upper = [&MOBILE[which][..rest], &upper[rest..]].concat();
        prop_assert_eq!(Kind::of_user_agent(&upper), Kind::Mobile, "{}", upper);
    }
}

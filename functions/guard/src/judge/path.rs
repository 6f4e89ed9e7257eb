//! How a path is read. What a policy forbids must not be had by another way to write it.
//!
//! The node refuses dot segments, and two slashes at the beginning; the rest comes as it was
//! sent. Servers agree that `%73` is `s` (RFC 3986, section 6.2.2.2). They do not agree on `%2F`,
//! on backslashes, on slashes in a row, and on what follows a `;`: to some that is a part of the
//! name, to others it is not. A path with any of these is judged in both ways.

/// The most bytes of a path that is judged; of a longer one policies would see the beginning.
pub(super) const PATH_BYTES_MAX: usize = 8_192;

/// The ways to read a path, one or two; none if it is too long.
pub(super) fn readings(path: &str) -> Vec<String> {
    if path.len() > PATH_BYTES_MAX {
        return Vec::new();
    }
    let strict = canonical(path);
    let loose = loose(&strict);
    if loose == strict { vec![strict] } else { vec![strict, loose] }
}

/// Characters that need no encoding are not encoded; others are in capitals.
fn canonical(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut read = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let code = (bytes[at] == b'%').then(|| Some((digit(at + 1)?, digit(at + 2)?))).flatten();
        let Some((high, low)) = code else {
            read.push(bytes[at]);
            at += 1;
            continue;
        };
        let byte = (high * 16 + low) as u8;
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => read.push(byte),
            false => read.extend(format!("%{byte:02X}").bytes()),
        }
        at += 3;
    }
    // Only whole characters were changed, so that it is UTF-8 as before.
    String::from_utf8_lossy(&read).into_owned()
}

/// As a server reads it that decodes slashes, drops parameters and empty segments, and then
/// goes up where it is told to.
fn loose(path: &str) -> String {
    let path = path.replace("%2F", "/").replace("%5C", "/").replace('\\', "/");
    let path = path.replace("%3B", ";");
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let is_folder = path.ends_with('/') && !segments.is_empty();
    format!("/{}{}", segments.join("/"), if is_folder { "/" } else { "" })
}

/// The name of a host as it is compared: without a port and a dot at its end, and in small
/// letters.
pub(super) fn host(authority: &str) -> String {
    let name = match authority.split_once(']') {
        Some((literal, _)) => format!("{literal}]"),
        None => authority.split(':').next().unwrap_or_default().to_owned(),
    };
    name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_what_any_server_may_take_it_for() {
        for (path, expected) in [
            ("/%73taff/%41", &["/staff/A"][..]),
            ("/caf%c3%a9%20%7e", &["/caf%C3%A9%20~"]),
            ("/a%2fstaff", &["/a%2Fstaff", "/a/staff"]),
            ("/a%5cstaff\\b", &["/a%5Cstaff\\b", "/a/staff/b"]),
            ("/a//staff/", &["/a//staff/", "/a/staff/"]),
            ("/staff;x=1/b;c", &["/staff;x=1/b;c", "/staff/b"]),
            ("/a/..;/staff", &["/a/..;/staff", "/staff"]),
            ("/a%3bx", &["/a%3Bx", "/a"]),
            ("/%2573taff", &["/%2573taff"]),
            ("/%7", &["/%7"]),
            ("/%zz/%", &["/%zz/%"]),
            ("/", &["/"]),
            ("/é/", &["/é/"]),
            ("*", &["*", "/*"]),
            ("", &["", "/"]),
        ] {
            assert_eq!(readings(path), expected, "{path}");
        }
        assert!(readings(&"/".repeat(PATH_BYTES_MAX + 1)).is_empty());
    }

    #[test]
    fn a_host_has_one_name() {
        for (authority, name) in [
            ("Shop.Test:443", "shop.test"),
            ("shop.test.", "shop.test"),
            ("shop.test.:80", "shop.test"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("", ""),
        ] {
            assert_eq!(host(authority), name, "{authority}");
        }
    }

    proptest! {
        /// What has been read is read as it is.
        #[test]
        fn once_is_enough(path in "/[a-z%0-9;/.\\\\é]{0,40}") {
            for read in readings(&path) {
                prop_assert!(readings(&read)[0] == canonical(&read), "{}", read);
            }
            let loose = loose(&canonical(&path));
            prop_assert!(!loose.contains("//") && !loose.contains(';') && !loose.contains("/../"));
        }
    }
}

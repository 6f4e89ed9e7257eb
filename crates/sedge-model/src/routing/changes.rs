//! Several changes of header fields as one.

use super::rule::Changes;
use http::HeaderName;

impl Changes {
    /// These, and `later` upon what comes out.
    pub fn then(self, later: &Changes) -> Changes {
        let is_set = |name: &HeaderName| later.set.iter().any(|(set, _)| set == name);
        let is_gone = |name: &HeaderName| is_set(name) || later.remove.contains(name);
        let kept = |list: Vec<(HeaderName, _)>| list.into_iter().filter(|(name, _)| !is_gone(name));
        let mut all = Changes {
            remove: self.remove.into_iter().filter(|name| !is_gone(name)).collect(),
            set: kept(self.set).collect(),
            add: kept(self.add).collect(),
        };
        all.remove.extend(later.remove.iter().cloned());
        all.set.extend(later.set.iter().cloned());
        all.add.extend(later.add.iter().cloned());
        all
    }

    /// Both as if they had been written as one: what either removes is removed
    /// first, and of what both set, `other` wins.
    pub fn beside(mut self, other: Changes) -> Changes {
        self.remove.extend(other.remove);
        self.set.extend(other.set);
        self.add.extend(other.add);
        self
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn pair(text: &'static str) -> (HeaderName, HeaderValue) {
        let (name, value) = text.split_once('=').expect("a pair");
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    }

    fn changes(remove: &[&'static str], set: &[&'static str], add: &[&'static str]) -> Changes {
        let pairs = |list: &[&'static str]| list.iter().map(|text| pair(text)).collect();
        let remove = remove.iter().map(|name| HeaderName::from_static(name)).collect();
        Changes { remove, set: pairs(set), add: pairs(add) }
    }

    fn applied(all: &[&Changes], headers: &HeaderMap) -> Vec<String> {
        let mut headers = headers.clone();
        for one in all {
            for name in &one.remove {
                headers.remove(name);
            }
            for (name, value) in &one.set {
                headers.insert(name, value.clone());
            }
            for (name, value) in &one.add {
                headers.append(name, value.clone());
            }
        }
        let shown = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}={value:?}");
        let mut shown: Vec<String> = headers.iter().map(shown).collect();
        shown.sort();
        shown
    }

    #[test]
    fn one_after_the_other_is_what_both_do() {
        let parts = [
            changes(&[], &[], &[]),
            changes(&["a"], &[], &[]),
            changes(&[], &["a=1"], &["a=2"]),
            changes(&["a"], &["b=1"], &["a=2", "c=3"]),
            changes(&["b", "c"], &["c=9", "a=8"], &["b=7"]),
        ];
        let sent: HeaderMap = ["a=0", "a=00", "b=0", "d=0"].map(pair).into_iter().collect();
        for first in &parts {
            for later in &parts {
                let both = first.clone().then(later);
                let expected = applied(&[first, later], &sent);
                assert_eq!(applied(&[&both], &sent), expected, "{first:?} {later:?}");
            }
        }
    }

    #[test]
    fn side_by_side_all_is_removed_first_and_the_second_sets() {
        let both =
            changes(&["b"], &["a=1"], &[]).beside(changes(&["a"], &["a=2", "b=3"], &["c=4"]));
        let sent: HeaderMap = ["a=0", "b=0"].map(pair).into_iter().collect();
        assert_eq!(applied(&[&both], &sent), ["a=\"2\"", "b=\"3\"", "c=\"4\""]);
    }
}

//! Classes of paths, which are counted apart. Paths themselves are never kept: they may name
//! persons, and strangers could make as many as they like.

/// The class of all paths that are in no other.
pub const OTHER: &str = "other";
/// Classes besides that one.
pub const ROUTES_MAX: usize = 31;

/// The classes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    name: String,
    /// Without the `/*` at its end.
    path: String,
    /// Whether everything below belongs to it.
    below: bool,
}

impl Routes {
    /// Reads `shop=/shop/*, home=/`: a path, or one with all below it, as routes of the
    /// manifest have it; the first that fits counts. A name may stand there several times.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut routes = Routes::default();
        for part in text.split(',').map(str::trim) {
            let wanted = || format!("{part:?} is none of name=/path and name=/path/*");
            let (name, path) = part.split_once('=').ok_or_else(wanted)?;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if !(1..=63).contains(&name.len()) || !name.bytes().all(is_plain) || name == OTHER {
                return Err(format!("{name:?} cannot be the name of a class"));
            }
            let (path, below) = match path.strip_suffix("/*") {
                Some(path) => (path, true),
                None => (path, false),
            };
            let is_right = path.starts_with('/') || (below && path.is_empty());
            if !is_right || path.contains(['*', '?', '#']) || path.len() > 500 {
                return Err(wanted());
            }
            let (name, path) = (name.to_owned(), path.to_owned());
            routes.0.push(Route { name, path, below });
        }
        if routes.len() > ROUTES_MAX || routes.0.len() > 4 * ROUTES_MAX {
            return Err(format!("there are {ROUTES_MAX} classes at most"));
        }
        Ok(routes)
    }

    /// How many classes there are, besides [`OTHER`].
    pub fn len(&self) -> usize {
        let names = self.0.iter().map(|route| &route.name);
        names.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The class of a path, which may have a query.
    pub fn of(&self, target: &str) -> &str {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let fits = |route: &&Route| match path.strip_prefix(&*route.path) {
            Some(rest) => rest.is_empty() || (route.below && rest.starts_with('/')),
            None => false,
        };
        self.0.iter().find(fits).map_or(OTHER, |route| &route.name)
    }

    /// The class of this name, if there is one; else [`OTHER`].
    pub fn named(&self, name: &str) -> &str {
        let found = self.0.iter().find(|route| route.name == name);
        found.map_or(OTHER, |route| &route.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mistakes_are_told() {
        let many: Vec<_> = (0..32).map(|at| format!("r{at}=/{at}")).collect();
        for (text, wanted) in [
            ("", "is none of"),
            ("shop", "is none of"),
            ("shop=", "is none of"),
            ("shop=shop/*", "is none of"),
            ("shop=/a*", "is none of"),
            ("shop=/*/a", "is none of"),
            ("shop=/a?b", "is none of"),
            ("=/a", "cannot be the name"),
            ("a b=/a", "cannot be the name"),
            ("other=/a", "cannot be the name"),
            ("a=/a,", "is none of"),
            (&many.join(","), "31 classes at most"),
        ] {
            let mistake = Routes::parse(text).expect_err(text);
            assert!(mistake.contains(wanted), "{text}: {mistake}");
        }
    }

    #[test]
    fn the_first_class_that_fits_counts() {
        let routes = Routes::parse("home=/, api=/api/v1/*, shop=/shop/*, api=/api/*, all=/x/*");
        let routes = routes.expect("classes");
        assert_eq!(routes.len(), 4);
        for (path, class) in [
            ("/", "home"),
            ("/?a=/shop/", "home"),
            ("", "other"),
            ("*", "other"),
            ("/shop", "shop"),
            ("/shop/", "shop"),
            ("/shop/a/b?c", "shop"),
            ("/shopping", "other"),
            ("/api/v1/a", "api"),
            ("/api?x", "api"),
            ("/x", "all"),
        ] {
            assert_eq!(routes.of(path), class, "{path}");
        }
        assert_eq!(Routes::parse("all=/*").expect("a class").of("/whatever"), "all");
        assert_eq!((routes.named("shop"), routes.named("what")), ("shop", "other"));
        assert_eq!(Routes::default().of("/"), "other");
    }

    proptest! {
        #[test]
        fn any_text_and_any_path_is_taken(text in "[a-z=/*, é]{0,40}", path: String) {
            if let Ok(routes) = Routes::parse(&text) {
                let class = routes.of(&path);
                prop_assert_eq!(routes.named(class), class);
            }
        }
    }
}

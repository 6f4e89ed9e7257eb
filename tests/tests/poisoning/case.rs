//! What a case of the table is made of.

use super::origin::Script;

/// A request that anybody would send; `{p}` stands for a path of the case's own, which
/// begins with `/p`, and `{q}` for the rest of it.
pub(crate) const CLEAN: &str = "GET {p} HTTP/1.1\r\nHost: shop.test\r\n\r\n";

/// How far an attack comes. None comes as far as the victim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// The node refuses it, and what stands behind hears nothing of it.
    Refused,
    /// What stands behind answers it as it answers the victim.
    Disarmed,
    /// The attacker gets what he wanted to be stored, and nobody else does.
    Alone,
}

/// A row: an attacker sends, and then a victim asks as anybody would.
pub(crate) struct Case {
    pub(crate) family: &'static str,
    pub(crate) name: String,
    /// Each on a connection of its own.
    pub(crate) attack: Vec<String>,
    pub(crate) victim: String,
    pub(crate) origin: Script,
    pub(crate) reach: Reach,
}

/// A row in which one request attacks and [`CLEAN`] is the victim's.
pub(crate) fn case(
    family: &'static str,
    name: impl Into<String>,
    attack: impl Into<String>,
    origin: Script,
    reach: Reach,
) -> Case {
    let attack = vec![attack.into()];
    Case { family, name: name.into(), attack, victim: CLEAN.to_owned(), origin, reach }
}

impl Case {
    /// With another request of the victim.
    pub(crate) fn victim(self, victim: impl Into<String>) -> Self {
        Case { victim: victim.into(), ..self }
    }

    /// With one more request of the attacker.
    pub(crate) fn and(mut self, attack: impl Into<String>) -> Self {
        self.attack.push(attack.into());
        self
    }
}

/// [`CLEAN`] with further fields, separated by `\n`.
pub(crate) fn with(fields: &str) -> String {
    to("GET", "{p}", fields)
}

/// A request for a target.
pub(crate) fn at(target: &str) -> String {
    to("GET", target, "")
}

/// A request with any method.
pub(crate) fn to(method: &str, target: &str, fields: &str) -> String {
    let fields: String = fields
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\r\n"))
        .collect();
    format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n")
}

/// A request as it is sent under a path.
pub(crate) fn under(path: &str, request: &str) -> String {
    request.replace("{p}", path).replace("{q}", &path[2..])
}

/// The bytes of a text of which each character stands for one.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("one byte")).collect()
}

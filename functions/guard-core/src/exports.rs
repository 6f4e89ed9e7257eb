//! The exports.

use crate::engine::{self, Decided};
use portable::fault::{Code, status};
use portable::memory::{check_places, give, slice};
use portable::{Fault, answer};
use sedge_kit::guard::rules::Rules;
use std::cell::RefCell;

thread_local! {
    /// The rules of this instance, once there are any. A core module has one thread.
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

/// Takes rules in JSON; null and 0 are for the usual ones. Rules that are wrong change nothing:
/// those before stay, and without any before, nobody may pass.
#[unsafe(no_mangle)]
pub extern "C" fn init_security_engine(rules: *const u8, rules_len: usize) -> i32 {
    status(init(rules, rules_len))
}

fn init(rules: *const u8, rules_len: usize) -> Result<(), Fault> {
    // SAFETY: nothing is written before it is used for the last time: what is made is the
    // module's own.
    let rules = engine::rules(unsafe { slice(rules, rules_len) }?)?;
    RULES.with_borrow_mut(|kept| *kept = Some(rules));
    Ok(())
}

/// Decides whether a request may pass: 1 if it may, 0 if it may not, negative if the question is
/// wrong or there are no rules yet. The decision's JSON is given by its address and length, which
/// are written to `result` and `result_len`. `now_ms` is the host's clock, milliseconds since
/// 1970; not a number if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn evaluate_security_context(
    context: *const u8,
    context_len: usize,
    now_ms: f64,
    result: *mut *mut u8,
    result_len: *mut usize,
) -> i32 {
    let decided = evaluate(context, context_len, now_ms, result, result_len);
    let code = decided.as_ref().map_or_else(|fault| fault.code as i32, |pass| i32::from(*pass));
    answer(decided.map(|_| code), code)
}

fn evaluate(
    context: *const u8,
    context_len: usize,
    now_ms: f64,
    result: *mut *mut u8,
    result_len: *mut usize,
) -> Result<bool, Fault> {
    // Before anything is made.
    check_places(result, result_len)?;
    // SAFETY: nothing is written before it is used for the last time: what is made is the
    // module's own.
    let context = unsafe { slice(context, context_len) }?;
    let Decided { may_pass, told } = RULES.with_borrow(|rules| match rules {
        Some(rules) => engine::evaluate(rules, context, now_ms),
        None => Err(Fault::new(Code::Argument, "init_security_engine was not called before")),
    })?;
    // Who is not told why does not pass.
    give(told, result, result_len).map(|()| may_pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portable::memory::{allocate, blocks, give_back};
    use std::ptr::null_mut;

    const NOW_MS: f64 = 1.795e12;
    const GOOD: &[u8] = br#"{"user_id":"a","device_id":"d","location":{},"network_info":{"ip_address":"","user_agent":"Mozilla/5.0 (X11)","tls_version":"1.3","cipher_suite":""}}"#;

    /// A block with these bytes.
    fn put(bytes: &[u8]) -> *mut u8 {
        let block = allocate(bytes.len());
        // SAFETY: it was allocated with this length just now, and nobody else has it.
        unsafe { block.copy_from(bytes.as_ptr(), bytes.len()) };
        block
    }

    #[test]
    fn pointers_are_not_believed_and_nobody_passes_by_a_mistake() {
        let (context, places) = (put(GOOD), allocate(16));
        let (at, len) = (places.cast::<*mut u8>(), places.wrapping_add(8).cast::<usize>());
        let ask =
            |context, length, at, len| evaluate_security_context(context, length, NOW_MS, at, len);
        assert_eq!(ask(context, GOOD.len(), at, len), -2, "no rules");
        let rules = put(b"{\"rules\":[{}]}");
        assert_eq!(init_security_engine(rules, 14), -2);
        assert_eq!(ask(context, GOOD.len(), at, len), -2, "rules that are wrong are none");
        for (rules, length) in [(null_mut(), 1), (rules, 15), (rules, usize::MAX)] {
            assert_eq!(init_security_engine(rules, length), -1);
        }
        assert_eq!(init_security_engine(null_mut(), 0), 0);
        let before = blocks();
        for (context, length, at, len) in [
            (null_mut(), 5, at, len),
            (context, GOOD.len() + 1, at, len),
            (context, usize::MAX, at, len),
            (context, GOOD.len(), null_mut(), len),
            (context, GOOD.len(), at, len.wrapping_add(9)),
        ] {
            assert_eq!(ask(context, length, at, len), -1);
        }
        assert_eq!(ask(context, GOOD.len() - 1, at, len), -2);
        assert_eq!(blocks(), before, "nothing was made");
        assert_eq!(ask(context, GOOD.len(), at, len), 1);
        // Rules that are wrong change nothing.
        assert_eq!(init_security_engine(rules, 14), -2);
        assert_eq!(ask(context, GOOD.len(), at, len), 1);
        // SAFETY: both were written just now.
        let (made, made_len) = unsafe { (at.read(), len.read()) };
        // SAFETY: it is the block that was given.
        let told = unsafe { slice(made.cast_const(), made_len) }.expect("a block");
        assert!(told.starts_with(br#"{"allow":true,"#), "{}", String::from_utf8_lossy(told));
        assert!(give_back(made, made_len).is_ok());
        let nobody = br#"{"thresholds":{"verify":0,"step_up":0,"block":0},"rules":[]}"#;
        assert_eq!(init_security_engine(put(nobody), nobody.len()), 0);
        assert_eq!(ask(context, GOOD.len(), at, len), 0);
    }
}

//! A panic of a simulated task fails its seed.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static TOLD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// From now on panics of this thread are kept instead of printed.
pub fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = TOLD.with_borrow_mut(|told| told.as_mut().map(|told| told.push(info.to_string())).is_some());
            if !kept {
                before(info);
            }
        }));
    });
    TOLD.set(Some(Vec::new()));
}

/// What was said since, and no more from now on is kept.
pub fn take() -> Vec<String> {
    TOLD.take().unwrap_or_default()
}

/// Whether something was said since.
pub fn any() -> bool {
    TOLD.with_borrow(|told| told.as_ref().is_some_and(|told| !told.is_empty()))
}

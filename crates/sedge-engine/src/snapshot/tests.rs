use super::*;
use crate::config::compiled_settings;
use wasmtime::Engine;
use wasmtime::component::{ComponentNamedList, Lift, Linker};

/// A global and a memory, what sets them, and what tells their sum.
const COUNTER: &str = r#"(component
  (core module $m
    (memory (export "memory") 1)
    (global $g (mut i32) (i32.const 1))
    (global $h (mut i64) (i64.const 1))
    (func (export "init")
      (global.set $g (i32.const 40))
      (global.set $h (i64.const -1))
      (i32.store (i32.const 65000) (i32.const 3)))
    (func (export "get") (result i32)
      (i32.add (global.get $g)
        (i32.add (i32.wrap_i64 (global.get $h)) (i32.load (i32.const 65000))))))
  (core instance $i (instantiate $m))
  (func (export "init") (canon lift (core func $i "init")))
  (func (export "get") (result u32) (canon lift (core func $i "get"))))"#;

fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

fn engine() -> Engine {
    Engine::new(&compiled_settings(false)).expect("settings are valid")
}

async fn instance(engine: &Engine, component: &Component) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1);
    let linker = Linker::new(engine);
    let instance = linker.instantiate_async(&mut store, component).await.expect("an instance");
    (store, instance)
}

async fn call<R>(store: &mut Store<()>, instance: Instance, name: &str) -> R
where
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let function = instance.get_typed_func::<(), R>(&mut *store, name).expect("is exported");
    function.call_async(&mut *store, ()).await.expect("no trap")
}

/// What was read of an instance that was initialized.
async fn recorded(engine: &Engine, source: &[u8]) -> Recorded {
    let observable = instrumented(source).expect("of a known shape");
    let component = Component::new(engine, observable).expect("compiles");
    let (mut store, instance) = instance(engine, &component).await;
    call::<()>(&mut store, instance, "init").await;
    observe(&mut store, &component, instance).await.expect("is observable")
}

fn refused(source: &[u8]) -> String {
    format!("{:#}", instrumented(source).expect_err("is refused"))
}

#[test]
fn what_a_snapshot_would_lose_is_refused() {
    assert!(instrumented(b"\0asm\x0d\0\x01\0\x07\xff").is_err());
    let table = r#"(component (core module
      (table 1 funcref)
      (func (table.set (i32.const 0) (ref.null func)))))"#;
    assert_eq!(refused(&bytes(table)), "unsupported `table.set` instruction");
    let twice = r#"(component
      (core module $m)
      (core instance (instantiate $m))
      (core instance (instantiate $m)))"#;
    assert_eq!(refused(&bytes(twice)), "modules may be instantiated at most once");
}

#[tokio::test]
async fn only_what_is_observable_is_observed_and_only_its_own_state_is_taken() {
    let engine = engine();
    let plain = Component::new(&engine, bytes(COUNTER)).expect("compiles");
    let (mut store, instance) = instance(&engine, &plain).await;
    let error = observe(&mut store, &plain, instance).await.expect_err("is refused");
    assert!(matches!(error, ObserveError::NotObservable), "{error}");

    let error = initialized(&bytes(COUNTER), &Recorded::new()).expect_err("is refused");
    assert!(error.to_string().starts_with("nothing was recorded of `"), "{error}");
}

#[tokio::test]
async fn a_memory_without_room_to_say_what_is_in_it_is_an_error() {
    let engine = engine();
    let full = COUNTER.replace("\"memory\") 1)", "\"memory\") 1 1)");
    let component = Component::new(&engine, instrumented(&bytes(&full)).expect("a known shape"));
    let component = component.expect("compiles");
    let (mut store, instance) = instance(&engine, &component).await;
    let error = observe(&mut store, &component, instance).await.expect_err("is refused");
    assert!(matches!(error, ObserveError::Read(_)), "{error}");
}

#[tokio::test]
async fn fresh_instances_begin_with_what_one_has_become() {
    let (engine, source) = (engine(), bytes(COUNTER));
    let state = recorded(&engine, &source).await;
    assert_eq!(recorded(&engine, &source).await, state, "the same again");
    let state = Recorded::read(state.as_bytes().to_vec()).expect("is whole");

    for (source, expected) in
        [(source.clone(), 2), (initialized(&source, &state).expect("its own"), 42)]
    {
        let component = Component::new(&engine, source).expect("compiles");
        let (mut store, instance) = instance(&engine, &component).await;
        assert_eq!(call::<(u32,)>(&mut store, instance, "get").await, (expected,));
    }
}

#[test]
fn code_of_each_form_and_state_has_a_name_of_its_own() {
    let artifact = Digest::of(b"artifact");
    let mut state = Recorded::new();
    let empty = state.clone();
    state.add("global0", Value::Word32(1));
    let forms =
        [Form::Plain, Form::Observable, Form::Initialized(&empty), Form::Initialized(&state)];
    let names: std::collections::BTreeSet<_> =
        forms.iter().map(|form| form.code_digest(&artifact)).collect();
    assert_eq!(names.len(), forms.len());
    assert!(names.contains(&artifact));
}

use super::*;

#[test]
fn a_file_of_addresses_may_have_comments() {
    let text = "# all\n\n  http://a/1  \r\nhttp://a/2\n   # none\n";
    assert_eq!(urls(text).collect::<Vec<_>>(), ["http://a/1", "http://a/2"]);
    assert!(read_urls(Path::new("/no/such/file")).is_err());
}

#[test]
fn what_the_node_says_is_shown_whatever_it_lacks() {
    assert!(warmed(&json!({})).starts_with("not stored"));
    let failed = json!({ "url": "http://a/", "error": "no route matches" });
    assert_eq!(warmed(&failed), "failed      http://a/: no route matches");
    let result = json!({ "url": "http://a/", "status": 200, "bytes": 5, "stored": false,
        "cache_status": "Sedge; fwd=uri-miss; detail=no-store", "took_ms": 2 });
    assert_eq!(
        warmed(&result),
        "not stored  http://a/  200, 5 B, 2 ms (Sedge; fwd=uri-miss; detail=no-store)"
    );
    for (value, text) in
        [(0, "0 s"), (119, "119 s"), (599, "9 min"), (7_200, "2 h"), (1_u64 << 31, "24855 d")]
    {
        assert_eq!(seconds(&json!(value)), text);
    }
    assert_eq!(seconds(&json!(-1)), "0 s");
    assert_eq!(details(&json!({})).len(), 7);
    let object = json!({ "ttl_s": -3, "vary": { "accept": "a", "x": null } });
    assert_eq!(freshness(&object), "stale");
    assert_eq!(details(&object).last().expect("a row")[1], "x: (absent)");
    assert_eq!(summary(&json!({})).len(), 5);
}

#[test]
fn refusals_say_what_the_node_said() {
    let refused = |status, body: &str| read(status, body.as_bytes()).expect_err("is refused");
    let error = refused(StatusCode::BAD_REQUEST, "{\"detail\": \"no\"}");
    assert_eq!(error.to_string(), "no");
    assert_eq!(refused(StatusCode::NOT_FOUND, "<html>").to_string(), "Not Found");
    let error = refused(StatusCode::INSUFFICIENT_STORAGE, "{\"detail\": \"full\"}");
    assert!(sedge_node::hint::of(&error).is_some());
    assert!(read(StatusCode::OK, b"nonsense").is_err());
}

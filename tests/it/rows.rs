//! The interface, row by row, and the tests that hold it. Who changes a row changes its tests; who looks for a proof finds it here.

use crate::documents::repository;
use std::fs;
use std::path::Path;

/// What is promised, and the tests' names. They are in `crates/http/tests/it` and here.
const ROWS: &[(&str, &[&str])] = &[
    // Calls
    (
        "POST /v1/{aggregate}/{id}/{command}",
        &["an_accepted_command_says_what_became_of_it", "a_command_in_one_region_becomes_a_view_row_in_every_region"],
    ),
    (
        "POST /v1/commands",
        &[
            "answers_come_in_the_order_of_the_lines_and_the_last_one_counts",
            "a_bulk_answers_line_by_line_and_a_line_that_is_cut_has_no_effect",
        ],
    ),
    ("GET /v1/{aggregate}/{id}", &["a_client_reads_its_own_write_with_its_token", "a_document_that_the_client_has_is_not_sent_again"]),
    ("GET /v1/{aggregate}/{id}/events", &["history_and_ledger_are_pages"]),
    ("GET /v1/views/{view}", &["a_view_pages_through_its_rows_by_link", "rows_are_found_by_value_by_range_and_by_group"]),
    ("GET /v1/changes", &["a_follower_hears_every_change_and_resumes_where_it_was", "a_stream_of_changes_goes_on_over_kills_without_loss"]),
    ("GET /v1/conflicts", &["values_that_regions_set_at_once_stay_in_the_ledger_and_wait_for_a_decision"]),
    ("GET /v1/status", &["status_shows_the_region_its_logs_and_its_views"]),
    ("/openapi.json", &["the_document_is_openapi_3_1_by_the_official_schema", "commands_documents_and_views_are_typed", "it_is_served"]),
    ("/healthz /readyz", &["readiness_says_why_not"]),
    ("/metrics", &["metrics_count_requests_by_route"]),
    ("/problems/{code}", &["every_problem_has_a_page"]),
    ("POST /admin/views/{view}/rebuild", &["a_view_is_rebuilt_on_request"]),
    // Names and order
    ("ids: 1 to 128 of A-Za-z0-9._~@:+-, not . or ..", &["ids_keys_and_bodies_have_bounds_and_what_is_within_them_is_taken"]),
    ("arguments, key, If-Match, on, require, bounds", &["a_command_is_checked_in_the_order_that_is_promised"]),
    // Cases
    ("accepted: 200, ETag, Sterna-Token", &["an_accepted_command_says_what_became_of_it"]),
    ("Prefer: return=representation", &["a_representation_is_answered_if_it_is_preferred"]),
    (
        "replay of a key",
        &[
            "a_retry_gets_the_same_answer_and_another_body_is_refused",
            "a_retry_gets_the_stored_answer_also_after_a_crash_and_in_another_region",
        ],
    ),
    ("a twin in flight waits", &["twins_at_the_same_moment_have_one_effect_and_one_answer"]),
    ("bad arguments: 400, errors", &["a_command_that_does_not_fit_is_refused_with_where_and_why_and_has_no_effect"]),
    ("guard: 422, its code", &["what_a_command_may_be_refused_for"]),
    ("same key, other body: 422", &["a_key_with_another_body_is_refused_and_the_order_of_arguments_does_not_matter"]),
    ("If-Match stale: 412 with the current ETag", &["a_stale_if_match_is_told_the_current_etag_and_a_retry_never_gets_it"]),
    ("a keep field with several values: 428", &["values_that_regions_set_at_once_stay_in_the_ledger_and_wait_for_a_decision"]),
    ("on: 409, 404, 410", &["a_command_says_whether_its_aggregate_may_be_there"]),
    ("bound: 409, available", &["a_bound_that_is_reached_refuses_with_what_is_available"]),
    (
        "token ahead: 503, missing, after a wait",
        &["a_token_from_the_future_is_waited_for_within_bounds", "what_cannot_arrive_is_said_with_the_region_it_is_missing_from"],
    ),
    ("token foreign or garbage: 400", &["a_token_that_is_garbage_or_of_another_cluster_is_told"]),
    ("overload: 429, Retry-After", &["too_many_requests_are_refused_but_operators_are_answered"]),
    ("takes no commands: 503, why", &["a_closed_gate_refuses_and_says_why"]),
    // Headers
    ("a missing key is made and echoed", &["a_missing_key_is_made_and_echoed"]),
    ("the ETag is equal in all regions", &["a_command_in_one_region_becomes_a_view_row_in_every_region"]),
    ("request ids", &["a_request_id_is_kept_or_made"]),
    ("CORS", &["pages_of_other_origins_may_ask"]),
    ("problems are RFC 9457", &["every_answer_is_one_of_the_interface", "whatever_bytes_come_every_refusal_is_a_problem_document"]),
    // Shapes
    ("bulk: a cut last line has no effect", &["a_cut_last_line_has_no_effect_wherever_it_is_cut"]),
    (
        "bulk: the last answer exposes a truncated response",
        &["stopping_in_the_middle_of_a_bulk_request_answers_what_was_accepted_and_says_that_it_is_cut"],
    ),
    ("bulk: lines for one aggregate in order", &["lines_for_one_aggregate_take_effect_in_order"]),
    ("document: every field, one shape, equal bytes", &["a_command_in_one_region_becomes_a_view_row_in_every_region"]),
    ("view: limit, next, Link", &["a_view_pages_through_its_rows_by_link"]),
    ("view: not-indexed names what would do", &["what_a_view_may_be_refused_for"]),
    (
        "changes: Last-Event-ID, ?after=, filters",
        &[
            "a_change_is_in_the_views_before_it_is_in_the_feed_and_a_filter_keeps_the_rest_away",
            "a_feed_of_a_view_has_what_touched_it_and_a_feed_names_its_place_before_anything_happens",
        ],
    ),
    (
        "changes: without loss over kills",
        &["a_feed_goes_on_where_it_was_over_a_crash_without_a_gap", "a_stream_of_changes_goes_on_over_kills_without_loss"],
    ),
    ("changes: event: reset", &["a_cursor_that_is_unknown_here_gets_a_reset_and_garbage_is_refused"]),
    // Limits
    (
        "bodies, ids, keys",
        &["ids_keys_and_bodies_have_bounds_and_what_is_within_them_is_taken", "bodies_are_bounded_and_say_what_they_are"],
    ),
    ("who still sends gets to read the refusal", &["whoever_still_sends_a_large_body_gets_to_read_why_it_is_refused"]),
    ("heads", &["what_is_no_http_or_has_too_large_a_head_is_told_so", "a_head_that_does_not_come_is_given_up"]),
    ("connections", &["connections_are_bounded_and_more_wait"]),
    ("pages, tokens, actors", &["a_page_a_token_and_a_line_have_their_bounds"]),
    ("feeds, bulk requests", &["what_a_follower_may_be_refused_for", "a_bulk_request_must_say_that_it_is_one"]),
    ("aggregates", &["an_aggregate_that_would_grow_too_large_is_refused_and_goes_on_as_it_was"]),
    // Command line and client
    (
        "sterna: verbs, sessions, refusals",
        &["the_shop_of_the_readme_is_cut_and_healed_by_hand", "a_file_of_commands_is_sent_and_refused_lines_are_told"],
    ),
    (
        "sterna: exit statuses, --json, colours, completions",
        &["the_command_line_reference_is_true", "programs_get_json_and_nothing_else", "colours_are_for_terminals"],
    ),
    ("client: retries, failover, tokens", &["commands_go_on_in_another_region_and_each_has_one_effect"]),
];

#[test]
fn every_row_of_the_interface_has_tests_that_are_there() {
    let sources: String =
        ["tests/it", "crates/http/tests/it", "crates/http/src"].iter().map(|folder| all(&repository().join(folder))).collect();
    for (row, tests) in ROWS {
        assert!(!tests.is_empty(), "{row} has no test");
        for test in *tests {
            assert!(
                sources.contains(&format!("fn {test}(")) || sources.contains(&format!("{test} \"")),
                "{row}: there is no test `{test}`"
            );
        }
    }
}

/// Every code of a refusal is in the interface's reference.
#[test]
fn every_code_is_in_the_reference() {
    let reference = fs::read_to_string(repository().join("docs/interface.md")).expect("it is there");
    let codes = fs::read_to_string(repository().join("crates/http/src/problem/code.rs")).expect("it is there");
    let declared = regex::Regex::new(r#"(?m)^    [A-Z]\w+ "([a-z-]+)" [A-Z_]+ (Never|SameKey) "#).expect("it is a pattern");
    let codes: Vec<&str> = declared.captures_iter(&codes).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert!(reference.contains(&format!("`{code}`")), "docs/interface.md does not name `{code}`");
    }
}

fn all(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    entries.map(|path| if path.is_dir() { all(&path) } else { fs::read_to_string(&path).unwrap_or_default() }).collect()
}

//! Sign-in, lists, filters, writes to customers, people's edits and the clock.

use chrono::{Duration, Utc};
use connector_skynamo::sim::{BatchMode, Limit, Neighbour, Options, SkynamoSim, Switches, UnknownFilter, VersionKey};
use rightful_sim::{Method, SimClock, Simulator};
use serde_json::{Value, json};

use crate::{Desk, Headers, ids, many};

#[test]
fn the_gateway_answers_in_its_own_words() {
    let desk = Desk::usual();
    let key = ("x-api-key", "sandbox-skynamo-key");
    let client = ("x-api-client", "demo");
    let cases: [(Method, &str, Headers<'_>, u16, &str); 9] = [
        (Method::PATCH, "/v1/customers/4401", vec![key, client], 403, "Missing Authentication Token"),
        (Method::DELETE, "/v1/customers", vec![key, client], 403, "Missing Authentication Token"),
        (Method::POST, "/v1/users", vec![key, client], 403, "Missing Authentication Token"),
        (Method::GET, "/v1/nowhere", vec![], 403, "Missing Authentication Token"),
        (Method::GET, "/v1/customers/", vec![key, client], 403, "Missing Authentication Token"),
        (Method::GET, "/v1/users", vec![client], 403, "Forbidden"),
        (Method::GET, "/v1/users", vec![("x-api-key", "wrong"), client], 403, "Forbidden"),
        (Method::GET, "/v1/users", vec![key, ("x-api-client", "other")], 403, "Forbidden"),
        (Method::GET, "/v1/users", vec![key], 400, "Missing required request parameters: [x-api-client]"),
    ];
    for (method, path, headers, status, message) in cases {
        let answer = desk.send(method.clone(), path, "", &headers, None);
        assert_eq!(answer, (status, json!({"message": message})), "{method} {path} {headers:?}");
    }
}

#[test]
fn rows_carry_every_member_that_clients_read() {
    let desk = Desk::usual();
    let users = desk.get("/v1/users").1;
    assert_eq!(users["data"][0]["is_verified"], true);
    assert_eq!(users["page"], json!({"page_number": 1, "page_size": 50, "total_item_count": 4, "filtered_item_count": 4}));
    let customer = desk.customer(4401);
    assert_eq!(customer["row_version"], customer["version"]);
    assert_eq!(customer["location"], json!({"latitude": 0.0, "longitude": 0.0, "accuracy": 0, "is_approximate": false}));
    assert_eq!(customer["custom_fields"][0], json!({"id": 41, "name": "Rep Code", "value": "R05"}));
    assert!(customer["last_modified_time"].as_str().unwrap().ends_with("+02:00"), "{customer}");
    assert!(customer.get("price_list_id").is_none(), "null members are left out without the flag: {customer}");
    let shown = desk.get("/v1/customers/4401?flags=show_nulls,show_enums").1;
    assert_eq!(shown["price_list_id"], Value::Null);
    assert!(shown.as_object().unwrap().contains_key("price_list_id"));
    for path in [
        "contacts",
        "tasks",
        "scheduledvisits",
        "visitfrequencies",
        "formdefinitions",
        "customercomments",
        "orders",
        "invoices",
        "products",
    ] {
        let (status, answer) = desk.get(&format!("/v1/{path}"));
        assert_eq!((status, answer["page"]["page_number"].as_i64()), (200, Some(1)), "{path}");
    }
    let visit = &desk.get("/v1/scheduledvisits").1["data"][0];
    assert_eq!(
        (&visit["customer_code"], &visit["assigned_user_name"], &visit["creator_user_name"]),
        (&json!("GAUT-001"), &json!("tomas"), &json!("lindiwe"))
    );
}

#[test]
fn two_hundred_and_five_customers_are_two_pages() {
    let desk = Desk::usual();
    desk.sim.load(many(205));
    for unordered in [false, true] {
        desk.sim.switch(Switches { unordered, order_seed: 3, ..Switches::default() });
        let first = desk.get("/v1/customers?page_number=1&page_size=200").1;
        let second = desk.get("/v1/customers?page_number=2&page_size=200").1;
        assert_eq!((ids(&first).len(), ids(&second).len()), (200, 5));
        let mut all = [ids(&first), ids(&second)].concat();
        assert_eq!(all.is_sorted(), !unordered);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 205);
    }
    let beyond = desk.get("/v1/customers?page_number=9&page_size=200").1;
    assert_eq!((ids(&beyond).len(), &beyond["page"]["total_item_count"]), (0, &json!(205)));
}

#[test]
fn large_pages_are_clamped_or_refused() {
    let desk = Desk::usual();
    desk.sim.load(many(250));
    let clamped = desk.get("/v1/customers?page_size=1000").1;
    assert_eq!((ids(&clamped).len(), &clamped["page"]["page_size"]), (200, &json!(200)));
    desk.sim.switch(Switches { page_size_over: Limit::Refuse, ..Switches::default() });
    assert_eq!(desk.get("/v1/customers?page_size=1000").0, 400);
    assert_eq!(desk.get("/v1/customers?page_size=many").0, 400);
}

#[test]
fn a_row_that_moves_between_pages_is_missed_while_the_totals_stay_true() {
    let desk = Desk::usual();
    desk.sim.load(many(30));
    desk.sim.switch(Switches { moved_rows: true, ..Switches::default() });
    let pages: Vec<Value> = (1..=3).map(|page| desk.get(&format!("/v1/customers?page_size=10&page_number={page}")).1).collect();
    let mut all: Vec<i64> = pages.iter().flat_map(ids).collect();
    assert_eq!(all.len(), 30);
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), &pages[0]["page"]["total_item_count"]), (28, &json!(30)));
}

#[test]
fn filters_use_either_version_name_and_all_must_hold() {
    let desk = Desk::usual();
    let newest = desk.customer(4406)["row_version"].as_i64().unwrap();
    for (filter, wanted) in [
        (format!("greater_than(row_version,{})", newest - 1), vec![4406]),
        (format!("greater_than(version, {})", newest - 2), vec![4405, 4406]),
        (format!("greater_than_equals(version,{newest})"), vec![4406]),
        ("equals(code,GAUT-001)".into(), vec![4403]),
        ("starts_with(code,CAPE-)".into(), vec![4401, 4402, 4405]),
        ("less_than_equals(id,4402)".into(), vec![4401, 4402]),
        ("equals(active,false)".into(), vec![4405]),
        ("greater_than(create_date,2001-01-01T00:00:00.0000000%2B02:00)".into(), vec![4401, 4402, 4403, 4404, 4405, 4406]),
        ("less_than(create_date,2001-01-01)".into(), vec![]),
        ("equals(colour,red)".into(), vec![4401, 4402, 4403, 4404, 4405, 4406]),
    ] {
        let answer = desk.get(&format!("/v1/customers?filters=[%22{filter}%22]")).1;
        assert_eq!(ids(&answer), wanted, "{filter}");
        assert_eq!(
            (&answer["page"]["total_item_count"], answer["page"]["filtered_item_count"].as_u64()),
            (&json!(6), Some(wanted.len() as u64)),
            "{filter}"
        );
    }
    let both = desk.get("/v1/customers?filters=%5B%22starts_with(code%2CCAPE-)%22%2C%22equals(active%2Ctrue)%22%5D").1;
    assert_eq!(ids(&both), [4401, 4402]);
    assert_eq!(desk.get("/v1/customers?filters=[%22like(code,C)%22]").0, 400);
    desk.sim.switch(Switches { unknown_filter: UnknownFilter::Refuse, ..Switches::default() });
    assert_eq!(desk.get("/v1/customers?filters=[%22equals(colour,red)%22]").0, 400);
    assert_eq!(ids(&desk.get("/v1/users?filters=[%22equals(id,7)%22]").1).len(), 4, "users take no filters");
}

#[test]
fn a_filter_sees_what_was_written_since_it_was_last_asked() {
    let desk = Desk::usual();
    let newest = desk.get("/v1/visitfrequencies").1["data"][2]["row_version"].as_i64().unwrap();
    let address = format!("/v1/customers?filters=[%22greater_than(row_version,{newest})%22]");
    assert!(ids(&desk.get(&address).1).is_empty());
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4402, "assigned_users": [12]}])).0, 200);
    assert_eq!(ids(&desk.get(&address).1), [4402]);
}

#[test]
fn sk_22_a_code_has_at_most_forty_characters_and_is_unique() {
    let desk = Desk::usual();
    let forty = "é".repeat(40);
    let (status, answer) = desk.call(Method::POST, "/v1/customers", &json!([{"code": forty, "name": "Long"}]));
    assert_eq!((status, &answer["data"][0]["code"]), (200, &json!(forty)));
    let (status, answer) = desk.call(
        Method::POST,
        "/v1/customers",
        &json!([{"name": "Fine"}, {"code": "x".repeat(41), "name": "Too long"}, {"code": "CAPE-001", "name": "Twin"}]),
    );
    assert_eq!(status, 400);
    let indexes: Vec<i64> = answer["errors"].as_array().unwrap().iter().map(|error| error["index"].as_i64().unwrap()).collect();
    assert_eq!(indexes, [1, 2]);
    assert!(answer["errors"][1]["detail"][0].as_str().unwrap().starts_with("C014"), "{answer}");
}

#[test]
fn post_takes_defaults_and_makes_codes() {
    let desk = Desk::usual();
    let (status, answer) = desk.call(
        Method::POST,
        "/v1/customers",
        &json!([{"name": "Harbour Two"}, {"code": "NEW-1", "name": "New", "assigned_users": [7, 7, 12], "price_list_name": "Retail"}]),
    );
    assert_eq!(status, 200, "{answer}");
    let rows: Vec<Value> = answer["data"].as_array().unwrap().iter().map(|row| desk.customer(row["id"].as_i64().unwrap())).collect();
    assert!(!rows[0]["code"].as_str().unwrap().is_empty());
    assert_eq!((&rows[0]["active"], &rows[0]["assigned_users"], &rows[0]["default_discount"]), (&json!(true), &json!([]), &json!(0)));
    assert_eq!((&rows[1]["assigned_users"], &rows[1]["price_list_id"]), (&json!([7, 12]), &json!(3)));
    assert!(answer["data"][0]["row_version"].is_number(), "{answer}");
}

#[test]
fn patch_merges_and_put_wipes() {
    let desk = Desk::usual();
    let before = desk.customer(4402);
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4402, "name": "Renamed"}])), (200, json!({"message": "Success"})));
    let merged = desk.customer(4402);
    assert_eq!(
        (&merged["name"], &merged["assigned_users"], &merged["custom_fields"]),
        (&json!("Renamed"), &json!([7, 12]), &before["custom_fields"])
    );
    assert!(merged["row_version"].as_i64() > before["row_version"].as_i64());
    assert_eq!(desk.call(Method::PUT, "/v1/customers", &json!([{"id": 4402, "name": "Replaced"}])).0, 200);
    let replaced = desk.customer(4402);
    assert_eq!(
        (&replaced["code"], &replaced["assigned_users"], &replaced["custom_fields"], &replaced["create_date"]),
        (&json!("CAPE-002"), &json!([]), &json!([]), &before["create_date"])
    );
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "custom_fields": [{"id": 44, "value": "Natal"}]}])).0, 200);
    assert_eq!(desk.customer(4401)["custom_fields"][0]["value"], "R05", "a merge touches only the fields named");
}

#[test]
fn a_patch_by_code_alone_is_refused_unless_switched_on() {
    let desk = Desk::usual();
    let body = json!([{"code": "CAPE-001", "assigned_users": [12]}]);
    let (status, answer) = desk.call(Method::PATCH, "/v1/customers", &body);
    assert_eq!((status, &answer["errors"][0]["index"]), (400, &json!(0)));
    desk.sim.switch(Switches { allow_code_key: true, ..Switches::default() });
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &body).0, 200);
    assert_eq!(desk.customer(4401)["assigned_users"], json!([12]));
}

#[test]
fn a_refused_item_undoes_its_batch_or_only_itself() {
    for (batch_mode, first) in [(BatchMode::Atomic, json!([7])), (BatchMode::Partial, json!([12]))] {
        let desk = Desk::with(Switches { batch_mode, ..Switches::default() });
        let body = json!([{"id": 4401, "assigned_users": [12]}, {"id": 4402, "assigned_users": [99]}, {"code": "CAPE-009", "id": 4403}]);
        let (status, answer) = desk.call(Method::PATCH, "/v1/customers", &body);
        assert_eq!((status, answer["errors"].as_array().unwrap().len(), &answer["errors"][0]["index"]), (400, 1, &json!(1)));
        assert_eq!(desk.customer(4401)["assigned_users"], first, "{batch_mode:?}");
        assert_eq!(desk.customer(4402)["assigned_users"], json!([7, 12]), "{batch_mode:?}");
        let code = if batch_mode == BatchMode::Atomic { "GAUT-001" } else { "CAPE-009" };
        assert_eq!(desk.customer(4403)["code"], code);
        let found = desk.get(&format!("/v1/customers?filters=[%22equals(code,{code})%22]")).1;
        assert_eq!(ids(&found), [4403], "the code index follows the roll-back");
        let versions: Vec<i64> = desk.get("/v1/customers?filters=[%22greater_than(version,0)%22]").1["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["version"].as_i64().unwrap())
            .collect();
        assert!(versions.len() == 6 && versions.is_sorted(), "the version index follows the roll-back: {versions:?}");
    }
}

#[test]
fn sk_16_a_deactivated_user_keeps_everything_and_may_be_assigned() {
    let desk = Desk::usual();
    desk.sim.control("set-user", json!({"user_name": "lindiwe", "active": false}), &desk.clock).unwrap();
    assert_eq!(desk.get("/v1/users/12").1["active"], false);
    assert_eq!(desk.customer(4402)["assigned_users"], json!([7, 12]));
    assert_eq!(desk.get("/v1/visitfrequencies/902").1["user_id"], 12);
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4404, "assigned_users": [9]}])).0, 200);
}

#[test]
fn sk_17_a_self_assignment_ends_when_the_user_clocks_in() {
    let desk = Desk::usual();
    desk.sim.control("self-assign", json!({"customer_id": 4401, "user_id": 15}), &desk.clock).unwrap();
    assert_eq!(desk.customer(4401)["assigned_users"], json!([7, 15]));
    desk.sim.control("clock-in", json!({"user_id": 15}), &desk.clock).unwrap();
    assert_eq!(desk.customer(4401)["assigned_users"], json!([7]));
}

#[test]
fn sk_20_the_loser_of_a_merge_is_gone() {
    let desk = Desk::usual();
    desk.sim.control("merge-customers", json!({"keep": 4401, "lose": 4403}), &desk.clock).unwrap();
    let (status, answer) = desk.get("/v1/customers/4403");
    assert_eq!((status, &answer["errors"][0]["index"]), (404, &json!(0)));
    let (status, answer) = desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4403, "active": true}]));
    assert_eq!((status, &answer["errors"][0]["index"]), (400, &json!(0)), "404 is for single rows");
    assert_eq!(ids(&desk.get("/v1/visitfrequencies").1), [901, 902]);
}

#[test]
fn sk_11_import_now_queues_a_run_and_the_clock_makes_the_hourly_ones() {
    let desk = Desk { sim: SkynamoSim::new(Options::default()), clock: SimClock::fixed(Utc::now()) };
    let read_at = || desk.get("/v1/integrationformvalues").1["last_modified_time"].clone();
    let first = read_at();
    desk.clock.advance(Duration::minutes(10));
    for body in [json!({"action": "ImportNow"}), json!([{"action": "ImportNow"}])] {
        assert_eq!(desk.call(Method::POST, "/v1/integrations", &body), (200, json!({"message": "Success"})));
    }
    let second = read_at();
    assert_ne!(first, second, "every run reads the settings (SK-8)");
    desk.clock.advance(Duration::minutes(125));
    assert_ne!(second, read_at());
    let log = desk.sim.control("import-log", json!({}), &desk.clock).unwrap();
    let asked: Vec<bool> = log["runs"].as_array().unwrap().iter().map(|run| run["asked"].as_bool().unwrap()).collect();
    assert_eq!(asked, [true, true, false, false]);
    assert_eq!(desk.call(Method::POST, "/v1/integrations", &json!({"action": "Explode"})).0, 400);
    assert_eq!(desk.get("/v1/logentries").0, 400, "the filter is mandatory");
    let log = desk.get("/v1/logentries?filters=[%22greater_than_equals(time,2020-01-01)%22]").1;
    assert_eq!(log["data"].as_array().unwrap().len(), 4);
}

#[test]
fn visit_frequencies_take_names_for_ids_and_refuse_a_second_one() {
    let desk = Desk::usual();
    let body = json!([{"customer_code": "GAUT-002", "user_name": "pieter", "cycle": 2, "frequency": 1, "period": "week"}]);
    let (status, answer) = desk.call(Method::POST, "/v1/visitfrequencies", &body);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["data"][0]["row_version"].is_string(), "creation answers spell versions as text: {answer}");
    let id = answer["data"][0]["id"].as_i64().unwrap();
    let row = desk.get(&format!("/v1/visitfrequencies/{id}")).1;
    assert_eq!((&row["customer_id"], &row["user_id"], &row["period"]), (&json!(4404), &json!(15), &json!("Week")));
    let (status, answer) = desk.call(Method::POST, "/v1/visitfrequencies", &body);
    assert!(status == 400 && answer["errors"][0]["detail"][0].as_str().unwrap().contains("already exists"), "{answer}");
    assert_eq!(desk.call(Method::PATCH, "/v1/visitfrequencies", &json!([{"id": id, "user_id": 12}])).0, 200);
    assert_eq!(
        desk.call(Method::POST, "/v1/visitfrequencies", &json!([{"customer_id": 4404, "customer_code": "CAPE-001", "user_id": 15}])).0,
        200,
        "the id wins"
    );
    assert_eq!(desk.call(Method::DELETE, "/v1/visitfrequencies", &json!([id])).0, 200);
    assert_eq!(desk.get(&format!("/v1/visitfrequencies/{id}")).0, 404);
}

#[test]
fn instances_do_not_see_each_other() {
    let neighbour = Neighbour { instance: "other".into(), api_key: "other-key".into(), seed: many(3) };
    let desk = Desk::new(Options { neighbours: vec![neighbour], ..Options::default() });
    let as_other = |method: Method, address: &str, body: &str| {
        desk.send(method, address, body, &[("X-API-KEY", "other-key"), ("X-Api-Client", "other")], None)
    };
    assert_eq!(as_other(Method::GET, "/v1/customers", "").1["page"]["total_item_count"], 3);
    assert_eq!(as_other(Method::GET, "/v1/customers/4406", "").0, 404);
    assert_eq!(as_other(Method::PATCH, "/v1/customers", r#"[{"id":4406,"active":false}]"#).0, 400);
    assert_eq!(desk.send(Method::GET, "/v1/customers", "", &[("x-api-key", "other-key"), ("x-api-client", "demo")], None).0, 403);
    assert_eq!(desk.customer(4406)["active"], true);
}

#[test]
fn rows_spell_their_version_as_switched() {
    for (version_key, names) in
        [(VersionKey::Both, (true, true)), (VersionKey::RowVersion, (true, false)), (VersionKey::Version, (false, true))]
    {
        let desk = Desk::with(Switches { version_key, text_versions: true, ..Switches::default() });
        let row = desk.customer(4401);
        assert_eq!((row.get("row_version").is_some(), row.get("version").is_some()), names);
        assert!(row.get("version").or(row.get("row_version")).unwrap().is_string());
    }
}

#[test]
fn vendor_faults_hit_one_request() {
    let desk = Desk::usual();
    let headers = [("x-api-key", "sandbox-skynamo-key"), ("x-api-client", "demo")];
    let with = |fault: &str, method: Method, body: &str| desk.send(method, "/v1/customers", body, &headers, Some(fault));
    assert_eq!(with("throttled", Method::GET, "").0, 429);
    assert_eq!(with("limit-exceeded", Method::GET, "").1, json!({"message": "Limit Exceeded"}));
    assert_eq!(with("timeout", Method::PATCH, r#"[{"id":4401,"assigned_users":[12]}]"#).0, 504);
    assert_eq!(desk.customer(4401)["assigned_users"], json!([7]));
    assert_eq!(with("done-timeout", Method::PATCH, r#"[{"id":4401,"assigned_users":[12]}]"#).0, 504);
    assert_eq!(desk.customer(4401)["assigned_users"], json!([12]));
    assert_eq!(with("wrong-total", Method::GET, "").1["page"]["total_item_count"], 7);
    assert_eq!(with("truncated", Method::GET, "").1, Value::Null);
}

#[test]
fn the_dump_counts_writes_and_reset_forgets_them() {
    let desk = Desk::usual();
    desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "assigned_users": [12]}, {"id": 4402, "assigned_users": [12]}]));
    desk.sim.control("set-customer", json!({"code": "CAPE-005", "assigned_users": [15]}), &desk.clock).unwrap();
    let dump = desk.sim.dump();
    assert_eq!(dump["writes"]["PATCH /customers"], json!({"requests": 1, "applied": 2, "rejected": 0}));
    let writes: Vec<(i64, i64)> =
        dump["customers"].as_array().unwrap().iter().map(|row| (row["id"].as_i64().unwrap(), row["writes"].as_i64().unwrap())).collect();
    assert_eq!(writes, [(4401, 1), (4402, 1), (4403, 0), (4404, 0), (4405, 0), (4406, 0)]);
    assert_eq!(dump["customers"][4]["assigned_users"], json!([15]));
    desk.sim.control("reset", json!({}), &desk.clock).unwrap();
    assert_eq!(desk.sim.dump()["writes"], json!({}));
    assert!(desk.sim.control("explode", json!({}), &desk.clock).unwrap_err().contains("set-customer"));
    assert_eq!(desk.sim.control("switches", json!({"batch_mode": "partial"}), &desk.clock).unwrap()["batch_mode"], "partial");
    assert!(desk.sim.control("switches", json!({"batch_mod": "partial"}), &desk.clock).is_err());
}

#[test]
fn twenty_writers_side_by_side_lose_nothing() {
    let desk = Desk::usual();
    std::thread::scope(|scope| {
        for writer in 0..20 {
            let desk = &desk;
            scope.spawn(move || {
                for round in 0..3 {
                    let rows: Vec<Value> = (0..20)
                        .map(|row| json!({"code": format!("W{writer}-{round}-{row}"), "name": "Bulk", "assigned_users": [7]}))
                        .collect();
                    assert_eq!(desk.call(Method::POST, "/v1/customers", &Value::Array(rows)).0, 200);
                    assert_eq!(
                        desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "name": format!("{writer} {round}")}])).0,
                        200
                    );
                    assert_eq!(desk.get("/v1/customers?page_size=200&filters=[%22greater_than(version,0)%22]").0, 200);
                }
            });
        }
    });
    let dump = desk.sim.dump();
    let versions: std::collections::BTreeSet<u64> =
        dump["customers"].as_array().unwrap().iter().map(|row| row["row_version"].as_u64().unwrap()).collect();
    assert_eq!((dump["customers"].as_array().unwrap().len(), versions.len()), (1_206, 1_206), "every row has a version of its own");
    assert_eq!((&dump["customers"][0]["writes"], &dump["writes"]["POST /customers"]["applied"]), (&json!(60), &json!(1_200)));
    let listed = desk.get("/v1/customers?page_size=1&filters=[%22greater_than(version,0)%22]").1;
    assert_eq!(listed["page"]["filtered_item_count"], 1_206);
}

#[test]
fn a_hundred_thousand_customers_page_and_filter_quickly() {
    let desk = Desk::usual();
    desk.sim.load(many(100_000));
    let started = std::time::Instant::now();
    let last = desk.get("/v1/customers?page_size=200&page_number=500").1;
    assert_eq!(ids(&last).len(), 200);
    for page in [1, 250, 500] {
        let answer = desk.get(&format!("/v1/customers?page_size=200&page_number={page}&filters=[%22greater_than(row_version,0)%22]")).1;
        assert_eq!((ids(&answer).len(), &answer["page"]["filtered_item_count"]), (200, &json!(100_000)));
    }
    let few = desk.get("/v1/customers?page_size=200&filters=[%22greater_than(row_version,187990)%22]").1;
    assert_eq!(ids(&few).len(), 10);
    // Five requests; a debug build on a busy machine takes a fraction of this.
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "took {:?}", started.elapsed());
}

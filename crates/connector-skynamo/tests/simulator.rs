//! The simulator keeps what Skynamo's public documents say, rule by rule.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{Duration, TimeZone, Utc};
use connector_skynamo::sim::{
    BatchMode, Limit, Neighbour, Options, Seed, SeedCustomer, SeedUser, SkynamoSim, Switches, UnknownFilter, VersionKey,
};
use rightful_sim::{Bytes, HeaderMap, HeaderValue, Method, SimClock, SimRequest, Simulator};
use serde_json::{Value, json};

type Headers<'a> = Vec<(&'static str, &'a str)>;

struct Desk {
    sim: SkynamoSim,
    clock: SimClock,
}

impl Desk {
    fn new(options: Options) -> Self {
        Self { sim: SkynamoSim::new(options), clock: SimClock::wall() }
    }

    fn usual() -> Self {
        Self::new(Options::default())
    }

    fn with(switches: Switches) -> Self {
        Self::new(Options { switches, ..Options::default() })
    }

    fn send(&self, method: Method, address: &str, body: &str, headers: &[(&'static str, &str)], fault: Option<&str>) -> (u16, Value) {
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query.to_owned())));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let request = SimRequest {
            method,
            path: path.into(),
            query,
            headers: map,
            body: Bytes::copy_from_slice(body.as_bytes()),
            origin: "http://127.0.0.1:1".into(),
            number: 1,
            fault: fault.map(str::to_owned),
        };
        let answer = self.sim.answer(&request, &self.clock);
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    fn call(&self, method: Method, address: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, address, &body, &[("x-api-key", "sandbox-skynamo-key"), ("x-api-client", "demo")], None)
    }

    fn get(&self, address: &str) -> (u16, Value) {
        self.call(Method::GET, address, &Value::Null)
    }

    fn customer(&self, id: i64) -> Value {
        self.get(&format!("/v1/customers/{id}")).1
    }
}

fn many(count: usize) -> Seed {
    Seed {
        users: vec![SeedUser::new(7, "user.one", "User One", "user1@example.com")],
        customers: (0..count).map(|number| SeedCustomer::new(format!("C{number:06}"), format!("Customer {number}"), vec![7])).collect(),
        ..Seed::empty()
    }
}

fn ids(answer: &Value) -> Vec<i64> {
    answer["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn the_gateway_answers_in_its_own_words() {
    let desk = Desk::usual();
    let key = ("x-api-key", "sandbox-skynamo-key");
    let client = ("x-api-client", "demo");
    let cases: [(Method, &str, Headers<'_>, u16, &str); 8] = [
        (Method::PATCH, "/v1/customers/4401", vec![key, client], 403, "Missing Authentication Token"),
        (Method::DELETE, "/v1/customers", vec![key, client], 403, "Missing Authentication Token"),
        (Method::POST, "/v1/users", vec![key, client], 403, "Missing Authentication Token"),
        (Method::GET, "/v1/nowhere", vec![], 403, "Missing Authentication Token"),
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
fn custom_fields_can_be_added_renamed_and_filled() {
    let desk = Desk::usual();
    let body = json!([{"action": "AddCustomFields", "fields_to_add": [{"form_id": -1, "name": "Depot", "type": "Text"}]}]);
    let (status, answer) = desk.call(Method::POST, "/v1/integrations", &body);
    assert_eq!((status, &answer["fields_added"][0]["name"]), (200, &json!("Depot")));
    let id = answer["fields_added"][0]["id"].as_i64().unwrap();
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "custom_fields": [{"id": id, "value": "North"}]}])).0, 200);
    assert_eq!(desk.call(Method::PATCH, "/v1/customfields", &json!([{"id": id, "name": "Store"}])).0, 200);
    let fields = desk.customer(4401)["custom_fields"].clone();
    assert!(fields.as_array().unwrap().contains(&json!({"id": id, "name": "Store", "value": "North"})), "{fields}");
    let form = desk.get("/v1/formdefinitions/-1").1;
    assert!(
        form["custom_fields"].as_array().unwrap().contains(&json!({"id": id, "name": "Store", "required": false, "type": "Text Field"})),
        "{form}"
    );
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
fn tasks_and_visits_live_from_post_to_delete() {
    let desk = Desk::usual();
    let task = json!([{"description": "Call back", "due_date": "2026-03-02T00:00:00", "anytime": true, "assigned_user_name": "nadia.o", "customer_code": "CAPE-001"}]);
    let (status, answer) = desk.call(Method::POST, "/v1/tasks", &task);
    assert_eq!((status, &answer["data"][0]["description"]), (200, &json!("Call back")));
    let id = answer["data"][0]["id"].as_i64().unwrap();
    let row = desk.get(&format!("/v1/tasks/{id}")).1;
    assert_eq!(
        (&row["assigned_user_id"], &row["customer_id"], &row["due_date"]),
        (&json!(7), &json!(4401), &json!("2026-03-02T00:00:00.0000000+02:00"))
    );
    assert_eq!(desk.call(Method::PATCH, "/v1/tasks", &json!([{"id": id, "assigned_user_id": 12}])).0, 200);
    assert_eq!(desk.get(&format!("/v1/tasks/{id}")).1["assigned_user_name"], "lindiwe");
    assert_eq!(desk.call(Method::DELETE, "/v1/tasks", &json!([id])), (200, json!({"message": "Success"})));
    assert_eq!(desk.get(&format!("/v1/tasks/{id}")).0, 404);
    assert_eq!(
        desk.call(Method::PATCH, "/v1/scheduledvisits", &json!([{"id": 600, "end_time": "2026-03-03T10:00:00"}])).0,
        400,
        "end_time needs due_date"
    );
    let both = json!([{"id": 600, "due_date": "2026-03-03T09:00:00", "end_time": "2026-03-03T10:00:00"}]);
    assert_eq!(desk.call(Method::PATCH, "/v1/scheduledvisits", &both).0, 200);
    assert_eq!(desk.get("/v1/scheduledvisits/600").1["all_day"], false);
}

#[test]
fn an_order_hides_its_user_behind_its_interaction() {
    let desk = Desk::usual();
    let (status, answer) = desk.call(Method::POST, "/v1/orders", &json!([{"customer_id": 4401, "user_name": "nadia.o", "items": []}]));
    assert_eq!(status, 200, "{answer}");
    let order = desk.get(&format!("/v1/orders/{}", answer["data"][0]["id"])).1;
    assert!(order.get("user_id").is_none() && order.get("row_version").is_none(), "{order}");
    let interaction = desk.get(&format!("/v1/interactions/{}", answer["data"][0]["interaction_id"])).1;
    assert_eq!(interaction["user_id"], 7);
    assert_eq!(desk.call(Method::PATCH, "/v1/orders", &json!([])).0, 403, "orders are immutable");
}

#[test]
fn orders_keep_their_items_and_forms() {
    let desk = Desk::usual();
    let order = json!([{"customer_id": 4401, "user_id": 7, "discount": 10, "items": [{"product_code": "CRATE-6", "unit_name": "Unit", "quantity": 4, "unit_price": 2.5}],
        "forms": [{"id": 5, "custom_fields": [{"id": 41, "value": "left at the gate"}]}]}]);
    let (status, answer) = desk.call(Method::POST, "/v1/orders", &order);
    assert_eq!(status, 200, "{answer}");
    let row = desk.get(&format!("/v1/orders/{}?flags=show_nulls", answer["data"][0]["id"])).1;
    assert_eq!(
        (&row["total_amount"], &row["items"][0]["product_name"], &row["reference"]),
        (&json!(9.0), &json!("Crate of six"), &Value::Null)
    );
    assert!(row["items"][0].as_object().unwrap().contains_key("tax_rate_id"), "nulls inside rows are shown on request");
    let interaction = desk.get(&format!("/v1/interactions/{}", row["interaction_id"])).1;
    let form = desk.get(&format!("/v1/completedforms/{}", interaction["completed_form_ids"][0])).1;
    assert_eq!(
        (&form["form_name"], &form["user_name"], &form["custom_fields"][0]["value"]),
        (&json!("Order"), &json!("nadia.o"), &json!("left at the gate"))
    );
}

#[test]
fn prices_and_stock_levels_are_upserts_that_delete_by_leaving_out() {
    let desk = Desk::usual();
    let count = |path: &str| desk.get(&format!("/v1/{path}")).1["page"]["total_item_count"].as_i64().unwrap();
    let price = json!([{"product_code": "CRATE-12", "order_unit_name": "Case", "price": 20, "price_list_name": "Retail"}]);
    assert_eq!(desk.call(Method::POST, "/v1/prices", &price), (200, json!({"message": "Success"})));
    assert_eq!(desk.call(Method::POST, "/v1/prices", &price).0, 200);
    assert_eq!(count("prices"), 2, "the second one replaced the first");
    let stock = desk.get("/v1/stocklevels?filters=[%22equals(warehouse_id,null)%22]").1;
    assert_eq!(stock["page"]["filtered_item_count"], 0);
    assert_eq!(desk.call(Method::POST, "/v1/stocklevels", &json!([{"product_id": 6, "order_unit_id": 9, "level": 3}])).0, 200);
    let stock = desk.get("/v1/stocklevels?filters=[%22equals(warehouse_id,null)%22]").1;
    assert_eq!((&stock["page"]["filtered_item_count"], stock["data"][0].get("id")), (&json!(1), None));
    assert_eq!(desk.call(Method::POST, "/v1/prices", &json!([{"product_id": 7, "order_unit_id": 7, "price_list_id": 3}])).0, 200);
    assert_eq!(count("prices"), 1);
    let (status, answer) =
        desk.call(Method::POST, "/v1/prices", &json!([{"product_id": 999, "order_unit_id": 9, "price": 1, "price_list_id": 3}]));
    assert_eq!((status, answer["errors"][0]["detail"].as_array().unwrap().len()), (400, 2));
    assert_eq!(desk.get("/v1/prices/1").0, 403, "prices have no ids");
}

#[test]
fn price_lists_products_and_invoices_can_be_written() {
    let desk = Desk::usual();
    assert_eq!(
        desk.call(Method::POST, "/v1/pricelists", &json!([{"name": "Export", "prices_include_vat": true}])),
        (200, json!({"message": "Success"}))
    );
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "price_list_name": "Export"}])).0, 200);
    assert_eq!(desk.customer(4401)["price_list_id"], 4);
    let (_, product) = desk.call(Method::POST, "/v1/products", &json!([{"code": "LID", "name": "Lid", "order_units": [{"name": "Unit"}]}]));
    let row = desk.get(&format!("/v1/products/{}", product["data"][0]["id"])).1;
    assert_eq!((&row["order_units"][0]["multiplier"], &row["order_units"][0]["active"]), (&json!(1), &json!(true)));
    assert_eq!(desk.call(Method::POST, "/v1/products", &json!([{"code": "LID", "name": "Twin"}])).0, 400);
    assert_eq!(ids(&desk.get("/v1/products?filters=[%22starts_with(code,CRATE)%22]").1), [6, 7]);
    let invoice = json!([{"customer_code": "CAPE-001", "date": "2026-02-01T00:00:00", "external_id": "INV-1", "status": "OutStanding",
        "items": [{"product_code": "LID", "quantity": 2, "value": 5}]}]);
    assert_eq!(desk.call(Method::POST, "/v1/invoicesbyexternalid", &invoice).0, 200);
    let row = desk.get("/v1/invoicesbyexternalid/INV-1").1;
    assert_eq!((&row["status"], &row["items"][0]["product_id"]), (&json!("Outstanding"), &product["data"][0]["id"]));
    assert_eq!(desk.call(Method::PATCH, "/v1/invoicesbyexternalid", &json!([{"external_id": "INV-1", "status": "Paid"}])).0, 200);
    assert_eq!(desk.get("/v1/invoices").1["data"][0]["status"], "Paid");
    assert_eq!(desk.call(Method::DELETE, "/v1/invoicesbyexternalid", &json!(["INV-1"])).0, 200);
    assert_eq!(desk.get("/v1/invoicesbyexternalid/INV-1").0, 404);
}

#[test]
fn an_upload_expires_unless_a_customer_holds_it() {
    let desk =
        Desk { sim: SkynamoSim::new(Options::default()), clock: SimClock::fixed(Utc.with_ymd_and_hms(2026, 5, 1, 8, 0, 0).unwrap()) };
    let upload = || {
        desk.call(Method::POST, "/v1/files", &json!({"file_name": "shelf.png", "content": "aGk="})).1["data"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (kept, lost) = (upload(), upload());
    assert_eq!(desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "files": [kept]}])).0, 200);
    desk.clock.advance(Duration::minutes(11));
    let (status, file) = desk.get(&format!("/v1/files/{kept}"));
    assert_eq!(
        (status, &file["id"], &file["data"][0]["id"]),
        (200, &json!(kept), &json!(kept)),
        "bare as specified, in a list as clients read it"
    );
    assert_eq!(desk.get(&format!("/v1/files/{lost}")).0, 404);
    let (_, answer) = desk.call(Method::PATCH, "/v1/customers", &json!([{"id": 4401, "files": [lost]}]));
    assert!(answer["errors"][0]["detail"][0].as_str().unwrap().starts_with("F002"), "{answer}");
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

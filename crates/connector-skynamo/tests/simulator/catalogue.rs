//! Kinds beside customers: tasks, visits, custom fields, products, prices, stock, invoices, orders and files.

use chrono::{Duration, TimeZone, Utc};
use connector_skynamo::sim::{Options, SkynamoSim};
use rightful_sim::{Method, SimClock};
use serde_json::{Value, json};

use crate::{Desk, ids};

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

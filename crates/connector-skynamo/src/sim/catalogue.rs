//! Products, prices, stock levels, invoices and orders: not about ownership, but other people's clients read and write them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::documents::DocumentKind;
use super::rows::Document;
use super::state::State;
use super::write::{Refusal, integer, text};

/// A product with the order unit an item names.
struct Unit {
    product_id: i64,
    product_code: Value,
    product_name: Value,
    unit_id: Value,
    unit_name: Value,
}

/// Refusals carry a code per kind: those of prices and stock levels, as clients of the live service expect them.
struct Words {
    product_id: &'static str,
    product_code: &'static str,
    unit_name_of_product: &'static str,
    unit_name: &'static str,
    unit_id: &'static str,
}

const PRICE: Words =
    Words { product_id: "OUP001", product_code: "OUP002", unit_name_of_product: "OUP012", unit_name: "OUP005", unit_id: "OUP013" };
const STOCK: Words =
    Words { product_id: "SL001", product_code: "SL002", unit_name_of_product: "SL012", unit_name: "SL005", unit_id: "SL013" };

fn refusal(detail: Vec<String>) -> Refusal {
    Refusal { detail }
}

fn product<'a>(state: &'a State, given: &Map<String, Value>) -> Result<Option<&'a Document>, Refusal> {
    let Some(table) = state.documents.get("products") else { return Ok(None) };
    if let Some(id) = integer(given, "product_id")? {
        return Ok(table.row(id));
    }
    let Some(code) = text(given, "product_code")? else { return Ok(None) };
    Ok(table.iter().find(|row| row.members.get("code").and_then(Value::as_str) == Some(code.as_str())))
}

fn unit(state: &State, given: &Map<String, Value>, words: &Words) -> Result<Unit, Refusal> {
    let Some(product) = product(state, given)? else {
        return Err(match (integer(given, "product_id")?, text(given, "product_code")?) {
            (Some(id), _) => {
                let mut detail = vec![format!("{}: The product id '{id}' doesn't exist.", words.product_id)];
                if given.contains_key("order_unit_id") {
                    detail.push(format!("{}: The supplied product id '{id}' doesn't correspond to current order unit.", words.unit_id));
                }
                refusal(detail)
            }
            (None, Some(code)) => Refusal::bad(format!("{}: The product code '{code}' doesn't exist.", words.product_code)),
            (None, None) => Refusal::bad("The product is required."),
        });
    };
    let units = product.members.get("order_units").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let wanted_id = integer(given, "order_unit_id")?;
    let wanted_name = text(given, "order_unit_name")?;
    let found = units.iter().find(|unit| match (&wanted_id, &wanted_name) {
        (Some(id), _) => unit["id"] == *id,
        (None, Some(name)) => unit["name"] == name.as_str(),
        (None, None) => true,
    });
    let Some(found) = found else {
        return Err(match (wanted_id, wanted_name) {
            (Some(_), _) => {
                let id = product.id;
                Refusal::bad(format!("{}: The supplied product id '{id}' doesn't correspond to current order unit.", words.unit_id))
            }
            (None, name) => {
                let name = name.unwrap_or_default();
                refusal(vec![
                    format!("{}: The supplied order unit name '{name}' doesn't correspond to current product.", words.unit_name_of_product),
                    format!("{}: The order unit name '{name}' doesn't exist for this product.", words.unit_name),
                ])
            }
        });
    };
    Ok(Unit {
        product_id: product.id,
        product_code: product.members.get("code").cloned().unwrap_or_default(),
        product_name: product.members.get("name").cloned().unwrap_or_default(),
        unit_id: found["id"].clone(),
        unit_name: found["name"].clone(),
    })
}

/// The row an item names by id or name; the id wins.
fn named(
    state: &State,
    path: &str,
    given: &Map<String, Value>,
    id: &str,
    name: &str,
    unknown: impl Fn(&str) -> String,
) -> Result<Option<(i64, String)>, Refusal> {
    if let Some(id) = integer(given, id)? {
        return state.name_of(path, id).map(|name| Some((id, name))).ok_or_else(|| Refusal::bad(unknown(&format!("id '{id}'"))));
    }
    match text(given, name)? {
        None => Ok(None),
        Some(name) => {
            state.id_named(path, &name).map(|id| Some((id, name.clone()))).ok_or_else(|| Refusal::bad(unknown(&format!("name '{name}'"))))
        }
    }
}

/// `POST /prices` and `POST /stocklevels`: an upsert, which deletes the row where the value is left out.
pub(super) fn write_keyed(
    state: &mut State,
    kind: &'static DocumentKind,
    given: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let prices = kind.path == "prices";
    let unit = unit(state, given, if prices { &PRICE } else { &STOCK })?;
    let mut members = Map::new();
    for (name, value) in [
        ("product_id", Value::from(unit.product_id)),
        ("product_code", unit.product_code),
        ("product_name", unit.product_name),
        ("order_unit_id", unit.unit_id),
        ("order_unit_name", unit.unit_name),
    ] {
        members.insert(name.into(), value);
    }
    let (keeps, key) = if prices {
        let list = named(state, "pricelists", given, "price_list_id", "price_list_name", |what| {
            format!("OUP007: The price list {what} doesn't exist.")
        })?;
        let (id, name) = list.ok_or_else(|| Refusal::bad("The price list is required."))?;
        members.extend([("price_list_id".to_owned(), id.into()), ("price_list_name".to_owned(), name.into())]);
        for member in ["price", "tax_rate_id"] {
            members.insert(member.into(), given.get(member).cloned().unwrap_or_default());
        }
        (!members["price"].is_null(), ["product_id", "order_unit_id", "price_list_id"])
    } else {
        let warehouse = named(state, "warehouses", given, "warehouse_id", "warehouse_name", |what| {
            format!("SL007: The warehouse {what} doesn't exist.")
        })?;
        members.insert("warehouse_id".into(), warehouse.as_ref().map(|(id, _)| *id).into());
        members.insert("warehouse_name".into(), warehouse.map(|(_, name)| name).into());
        for member in ["level", "label"] {
            members.insert(member.into(), given.get(member).cloned().unwrap_or_default());
        }
        (!members["level"].is_null() || !members["label"].is_null(), ["product_id", "order_unit_id", "warehouse_id"])
    };
    let table = &state.documents[kind.path];
    let before = table.iter().find(|row| key.iter().all(|name| row.members.get(*name) == members.get(*name))).map(|row| row.id);
    let row_version = state.fresh_version();
    match (before, keeps) {
        (Some(id), false) => drop(state.remove_document(kind.path, id)),
        (None, false) => {}
        (before, true) => {
            let id = before.unwrap_or_else(|| state.fresh_document_id(kind.path));
            state.put_document(kind.path, Document { id, members, shape: kind.shape, row_version, modified: now, created: now });
        }
    }
    Ok(Value::Null)
}

/// A product's code and the ids of its order units.
pub(super) fn complete_product(state: &mut State, id: i64, members: &mut Map<String, Value>) -> Result<(), Refusal> {
    let code =
        members.get("code").and_then(Value::as_str).filter(|code| !code.is_empty()).map_or_else(|| format!("P{id:06}"), str::to_owned);
    if code.chars().count() > 40 {
        return Err(Refusal::bad("Product code is longer than 40 characters."));
    }
    let taken = |row: &Document| row.id != id && row.members.get("code").and_then(Value::as_str) == Some(code.as_str());
    if state.documents["products"].iter().any(taken) {
        return Err(Refusal::bad("Product code already exists."));
    }
    members.insert("code".into(), code.into());
    let mut units = match members.remove("order_units") {
        Some(Value::Array(units)) => units,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err(Refusal::bad("order_units must be a list.")),
    };
    for unit in &mut units {
        let Some(unit) = unit.as_object_mut() else { return Err(Refusal::bad("An order unit must be an object.")) };
        if unit.get("id").is_none_or(Value::is_null) {
            unit.insert("id".into(), state.fresh_unit_id().into());
        }
        unit.entry("multiplier").or_insert_with(|| 1.into());
        unit.entry("active").or_insert_with(|| true.into());
    }
    members.insert("order_units".into(), units.into());
    Ok(())
}

/// An invoice's status as it is read, and its items with both product identifiers.
pub(super) fn complete_invoice(state: &State, given: &Map<String, Value>, members: &mut Map<String, Value>) -> Result<(), Refusal> {
    if let Some(status) = text(given, "status")? {
        // Written and read statuses differ in casing and do not round-trip.
        let read = match status.as_str() {
            "Paid" | "Draft" | "Authorized" | "Delivered" | "Outstanding" | "Deleted" => Value::from(status),
            "OutStanding" => "Outstanding".into(),
            "Void" => "Deleted".into(),
            "NotSpecified" => Value::Null,
            _ => return Err(Refusal::bad(format!("Unknown status {status}."))),
        };
        members.insert("status".into(), read);
    }
    let mut items = match members.remove("items") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    for item in &mut items {
        let Some(object) = item.as_object_mut() else { return Err(Refusal::bad("An invoice item must be an object.")) };
        let found = product(state, object)?.ok_or_else(|| Refusal::bad("Unknown product of an invoice item."))?;
        let (id, code) = (found.id, found.members.get("code").cloned().unwrap_or_default());
        object.insert("product_id".into(), id.into());
        object.insert("product_code".into(), code);
        object.entry("value").or_insert_with(|| 0.into());
    }
    members.insert("items".into(), items.into());
    Ok(())
}

/// An order does not show who made it: its interaction does. Forms sent along become completed forms of that interaction.
pub(super) fn complete_order(
    state: &mut State,
    path: &'static str,
    id: i64,
    given: &Map<String, Value>,
    members: &mut Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let mut total = 0.0;
    let mut items = Vec::new();
    for item in given.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let Some(object) = item.as_object() else { return Err(Refusal::bad("An item must be an object.")) };
        let found = product(state, object)?.ok_or_else(|| Refusal::bad("Unknown product of an item."))?;
        let amount = |name: &str| object.get(name).and_then(Value::as_f64);
        let price = amount("unit_price").or(amount("price")).unwrap_or(0.0);
        total += amount("quantity").unwrap_or(0.0) * price;
        let sent = |name: &str| object.get(name).cloned().unwrap_or_default();
        items.push(json!({
            "quantity": sent("quantity"), "unit_price": price, "list_price": sent("list_price"), "order_unit_name": sent("unit_name"),
            "product_code": found.members.get("code"), "product_name": found.members.get("name"), "comment": sent("comment"), "cost": null,
            "tax_rate_value": sent("tax_rate_value"), "tax_rate_id": sent("tax_rate_id"),
        }));
    }
    let percent = members.get("discount").and_then(Value::as_f64).unwrap_or(0.0);
    let discount = total * percent / 100.0;
    members.extend([
        ("items".to_owned(), Value::Array(items)),
        ("discount_amount".to_owned(), discount.into()),
        ("total_amount".to_owned(), (total - discount).into()),
    ]);
    let warehouse = integer(given, "warehouse_id")?;
    members.insert("warehouse_name".into(), warehouse.and_then(|id| state.name_of("warehouses", id)).into());
    let interaction = state.fresh_document_id("interactions");
    let user = members.remove("user_id").unwrap_or_default();
    let customer = members.get("customer_id").cloned().unwrap_or_default();
    let date = members.get("date").cloned().unwrap_or_default();
    let put = |state: &mut State, path: &'static str, id: i64, value: Value| {
        let Value::Object(members) = value else { return };
        let row_version = state.fresh_version();
        let shape = super::documents::Shape::Plain;
        state.put_document(path, Document { id, members, shape, row_version, modified: now, created: now });
    };
    let mut forms = Vec::new();
    for form in given.get("forms").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let form_id = form["id"].clone();
        let name = form_id.as_i64().and_then(|id| state.forms.row(id)).map(|form| form.name.clone());
        let done = state.fresh_document_id("completedforms");
        let fields: Vec<Value> = form["custom_fields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|field| json!({"id": field["id"], "name": field["id"].as_i64().and_then(|id| state.field_names.get(&id)), "value": field["value"]}))
            .collect();
        let value = json!({"date": date, "customer_id": customer, "user_id": user, "interaction_id": interaction, "form_id": form_id, "form_name": name, "custom_fields": fields});
        put(state, "completedforms", done, value);
        forms.push(done);
    }
    let own = match path {
        "orders" => "order_id",
        "quotes" => "quote_id",
        _ => "credit_request_id",
    };
    let mut seen = json!({
        "user_id": user, "customer_id": customer, "date": date, "comment": null, "end_time": null, "is_visit": false,
        "location": {"latitude": 0.0, "longitude": 0.0, "accuracy": 0, "is_approximate": false}, "completed_form_ids": forms,
    });
    seen[own] = id.into();
    put(state, "interactions", interaction, seen);
    members.insert("interaction_id".into(), interaction.into());
    Ok(())
}

/// What every instance has: price lists, warehouses, a tax rate and a currency.
pub(super) fn basics() -> Vec<(&'static str, Value)> {
    let list = |name: &str| json!({"name": name, "active": true, "prices_include_vat": false, "currency_code": null, "currency_rate_to_base": null});
    let warehouse = |name: &str| json!({"name": name, "active": true, "order_email": "", "credit_request_email": "", "quote_email": ""});
    vec![
        ("pricelists", list("Wholesale")),
        ("pricelists", list("Special")),
        ("pricelists", list("Retail")),
        ("warehouses", warehouse("Main")),
        ("warehouses", warehouse("Coast")),
        ("taxrates", json!({"name": "VAT", "rate": 15, "active": true})),
        ("currencies", json!({"code": "ZAR", "rate_to_base": 1})),
    ]
}

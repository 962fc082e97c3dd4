//! Skynamo's side: pages of pre-rendered customers, found by number or by row version.

use std::sync::{PoisonError, RwLock};

use rightful_sim::{Bytes, SimClock, SimRequest, SimResponse, Simulator};
use serde::Deserialize;
use serde_json::json;

use super::world::{self, World};

/// The stand-in.
pub struct Skynamo(RwLock<State>);

struct State {
    world: World,
    /// One rendered row per customer.
    rows: Vec<Box<str>>,
    owners: Vec<usize>,
    versions: Vec<u64>,
    version: u64,
    /// Customers changed after the start, by version ascending; a customer may stand here more than once.
    changed: Vec<(u64, usize)>,
    patched: u64,
    patches: u64,
}

#[derive(Deserialize)]
struct Patch {
    id: usize,
    #[serde(default)]
    assigned_users: Vec<usize>,
}

impl Skynamo {
    /// Customers whose owners are right from the start.
    pub fn new(world: World) -> Self {
        let customers = world.customers;
        let owners: Vec<usize> = (0..customers).map(|number| world.user(world.rep(number, false))).collect();
        let rows = (0..customers).map(|number| row(number, owners[number], number as u64 + 1)).collect();
        Self(RwLock::new(State {
            world,
            rows,
            owners,
            versions: (0..customers).map(|number| number as u64 + 1).collect(),
            version: customers as u64,
            changed: Vec::new(),
            patched: 0,
            patches: 0,
        }))
    }

    fn customers(&self, request: &SimRequest) -> SimResponse {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let pairs = request.query_pairs();
        let number = |name: &str| pairs.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok());
        let size = number("page_size").unwrap_or(50).clamp(1, 200);
        let page = number("page_number").unwrap_or(1).max(1);
        let filter = pairs.iter().find(|(key, _)| key == "filters").map(|(_, value)| value.as_str());
        let above = filter.and_then(bound);
        let from = (page - 1) * size;
        let numbers: Vec<usize>;
        let (slice, filtered): (&mut dyn Iterator<Item = usize>, usize) = match above {
            None => (&mut (from..state.rows.len().min(from + size)), state.rows.len()),
            Some(above) => {
                let first = (above as usize).min(state.rows.len());
                let untouched = (first..state.rows.len()).filter(|number| state.versions[*number] == *number as u64 + 1);
                let touched = state.changed.iter().filter(|(version, number)| *version > above && state.versions[*number] == *version);
                numbers = untouched.chain(touched.map(|(_, number)| *number)).collect();
                (&mut numbers[from.min(numbers.len())..numbers.len().min(from + size)].iter().copied(), numbers.len())
            }
        };
        let mut body = String::with_capacity(size * 420 + 200);
        body.push_str("{\"data\":[");
        for (index, number) in slice.enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&state.rows[number]);
        }
        body.push_str(&format!(
            "],\"page\":{{\"page_number\":{page},\"page_size\":{size},\"total_item_count\":{},\"filtered_item_count\":{filtered}}}}}",
            state.rows.len()
        ));
        SimResponse::new(200, "application/json", body)
    }

    fn patch(&self, body: &Bytes) -> SimResponse {
        let Ok(patches) = serde_json::from_slice::<Vec<Patch>>(body) else {
            return SimResponse::json(400, &json!({"message": "Body is not an array of customers"}));
        };
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.patches += 1;
        for patch in patches {
            let Some(number) = patch.id.checked_sub(1).filter(|number| *number < state.rows.len()) else { continue };
            state.version += 1;
            state.patched += 1;
            let version = state.version;
            let owner = patch.assigned_users.first().copied().unwrap_or(0);
            state.owners[number] = owner;
            state.versions[number] = version;
            state.rows[number] = row(number, owner, version);
            state.changed.push((version, number));
        }
        SimResponse::json(200, &json!({"message": "Success"}))
    }
}

/// The N of `greater_than(row_version,N)`.
fn bound(filter: &str) -> Option<u64> {
    let inner = filter.split("greater_than").nth(1)?;
    let equal = inner.starts_with("_equals");
    let number: u64 = inner.split(',').nth(1)?.trim().split(')').next()?.trim().parse().ok()?;
    Some(if equal { number.saturating_sub(1) } else { number })
}

fn row(number: usize, owner: usize, version: u64) -> Box<str> {
    format!(
        "{{\"id\":{},\"code\":\"{}\",\"name\":\"Customer {number}\",\"active\":true,\"location\":{{\"latitude\":0,\"longitude\":0,\"accuracy\":0,\"is_approximate\":false}},\
         \"price_list_id\":3,\"price_list_name\":\"Retail\",\"assigned_users\":[{owner}],\"default_discount\":0,\"row_version\":{version},\"version\":{version},\
         \"last_modified_time\":\"2026-02-11T09:14:02.1130000+02:00\",\"create_date\":\"2025-11-03T07:00:00.0000000+02:00\",\
         \"custom_fields\":[{{\"id\":41,\"name\":\"Rep Code\",\"value\":\"R05\"}}]}}",
        number + 1,
        world::customer(number)
    )
    .into_boxed_str()
}

impl Simulator for Skynamo {
    fn vendor(&self) -> &'static str {
        "skynamo"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn answer(&self, request: &SimRequest, _clock: &SimClock) -> SimResponse {
        let page = |data: serde_json::Value| {
            let count = data.as_array().map_or(0, Vec::len);
            let body = json!({"data": data, "page": {"page_number": 1, "page_size": 200, "total_item_count": count, "filtered_item_count": count}});
            SimResponse::json(200, &body)
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/customers") => self.customers(request),
            ("PATCH", "/v1/customers") => self.patch(&request.body),
            ("GET", "/v1/users") => page(
                (1..=self.0.read().unwrap_or_else(PoisonError::into_inner).world.users)
                    .map(|id| json!({"id": id, "user_name": world::login(id), "display_name": format!("User {id}"), "email": format!("user{id}@example.com"), "is_verified": true, "active": true}))
                    .collect(),
            ),
            ("GET", "/v1/visitfrequencies") => page(json!([])),
            ("GET", "/v1/formdefinitions") => page(json!([{"id": -1, "name": "Customer", "type": "Static", "active": true, "users": [], "custom_fields": [{"id": 41, "name": "Rep Code", "required": false, "type": "Text Field"}]}])),
            _ => SimResponse::json(403, &json!({"message": "Missing Authentication Token"})),
        }
    }

    fn dump(&self) -> serde_json::Value {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let right = |changed: fn(usize) -> bool| {
            let world = &state.world;
            state.owners.iter().enumerate().filter(|(number, owner)| world.user(world.rep(*number, changed(*number))) == **owner).count()
        };
        json!({"customers": state.rows.len(), "patches": state.patches, "patched": state.patched, "right_before": right(|_| false), "right_after_5_percent": right(|number| number.is_multiple_of(20))})
    }

    fn control(&self, name: &str, _body: serde_json::Value, _clock: &SimClock) -> Result<serde_json::Value, String> {
        Err(format!("unknown control `{name}`: there is none"))
    }
}

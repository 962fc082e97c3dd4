//! Who owns and visits what in Skynamo, from its simulator's dump alone, and how that differs from what must stand there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rightful_core::{Error, ErrorKind, Result};
use rightful_sim::world::{Place, World};
use serde_json::Value as Json;

/// Logins.
type Logins = BTreeSet<String>;

/// What stands in Skynamo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Owners by customer code.
    pub owners: BTreeMap<String, Logins>,
    /// Who visits, by customer code.
    pub visitors: BTreeMap<String, Logins>,
    /// Requests that wrote, or tried to.
    pub requests: u64,
}

impl Standing {
    /// Reads a dump of Skynamo's simulator.
    ///
    /// # Errors
    /// `Protocol` where the dump lacks what a simulator always shows.
    pub fn of(dump: &Json) -> Result<Self> {
        let mut logins = HashMap::new();
        for user in rows(dump, "users")? {
            logins.insert(number(user, "id")?, text(user, "user_name")?);
        }
        let login = |id: i64| logins.get(&id).cloned().ok_or_else(|| lacks(&format!("user {id}")));
        let mut standing = Self::default();
        let mut codes = HashMap::new();
        for customer in rows(dump, "customers")? {
            let code = text(customer, "code")?;
            let owners = rows(customer, "assigned_users")?;
            let owners = owners.iter().map(|id| login(id.as_i64().ok_or_else(|| lacks("assigned_users"))?)).collect::<Result<Logins>>()?;
            codes.insert(number(customer, "id")?, code.clone());
            standing.owners.insert(code, owners);
        }
        for visit in rows(dump, "visit_frequencies")? {
            let customer = number(visit, "customer_id")?;
            let code = codes.get(&customer).ok_or_else(|| lacks(&format!("customer {customer}")))?;
            standing.visitors.entry(code.clone()).or_default().insert(login(number(visit, "user_id")?)?);
        }
        let writes = dump.get("writes").and_then(Json::as_object).ok_or_else(|| lacks("writes"))?;
        standing.requests = writes.values().map(|counter| counter.get("requests").and_then(Json::as_u64).unwrap_or(0)).sum();
        Ok(standing)
    }

    /// Every customer and visit that is not as the world says, in words.
    pub fn differences(&self, world: &World) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut known = BTreeSet::new();
        for customer in world.customers.iter().filter(|customer| customer.place != Place::Erp) {
            known.insert(customer.code.as_str());
            let Some(owners) = self.owners.get(&customer.code) else {
                wrong.push(format!("{} is gone", customer.code));
                continue;
            };
            let due: Logins = customer.owners.iter().cloned().collect();
            if *owners != due {
                wrong.push(format!("{} belongs to {}, not to {}", customer.code, listed(owners), listed(&due)));
            }
            let visitors = self.visitors.get(&customer.code).cloned().unwrap_or_default();
            let due: Logins = customer.visitor.iter().cloned().collect();
            if visitors != due {
                wrong.push(format!("{} is visited by {}, not by {}", customer.code, listed(&visitors), listed(&due)));
            }
        }
        wrong.extend(self.owners.keys().filter(|code| !known.contains(code.as_str())).map(|code| format!("{code} should not be there")));
        wrong
    }

    /// Customers whose owners differ from an earlier standing.
    pub fn moved_since(&self, before: &Self) -> BTreeSet<String> {
        changed(&before.owners, &self.owners)
    }

    /// Customers whose visitors differ from an earlier standing.
    pub fn visits_moved_since(&self, before: &Self) -> BTreeSet<String> {
        changed(&before.visitors, &self.visitors)
    }

    /// How many customers a person owns.
    pub fn owned_by(&self, login: &str) -> usize {
        self.owners.values().filter(|owners| owners.contains(login)).count()
    }

    /// How many customers a person visits.
    pub fn visited_by(&self, login: &str) -> usize {
        self.visitors.values().filter(|visitors| visitors.contains(login)).count()
    }
}

fn changed(before: &BTreeMap<String, Logins>, after: &BTreeMap<String, Logins>) -> BTreeSet<String> {
    let codes: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    codes.into_iter().filter(|code| before.get(*code) != after.get(*code)).cloned().collect()
}

fn listed(logins: &Logins) -> String {
    if logins.is_empty() { "nobody".to_owned() } else { logins.iter().map(String::as_str).collect::<Vec<_>>().join(", ") }
}

fn rows<'a>(of: &'a Json, name: &str) -> Result<&'a Vec<Json>> {
    of.get(name).and_then(Json::as_array).ok_or_else(|| lacks(name))
}

fn number(of: &Json, name: &str) -> Result<i64> {
    of.get(name).and_then(Json::as_i64).ok_or_else(|| lacks(name))
}

fn text(of: &Json, name: &str) -> Result<String> {
    of.get(name).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| lacks(name))
}

fn lacks(name: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the dump of Skynamo's simulator lacks {name}")).hint("report this: simulator and demo differ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dump(owners: &[i64], visitor: i64) -> Json {
        json!({
            "users": [{"id": 1, "user_name": "ann"}, {"id": 2, "user_name": "ben"}],
            "customers": [{"id": 10, "code": "C1", "assigned_users": owners}],
            "visit_frequencies": [{"customer_id": 10, "user_id": visitor}],
            "writes": {"PATCH /customers": {"requests": 2, "applied": 3}, "PATCH /visitfrequencies": {"requests": 1}},
        })
    }

    fn world(owners: &[&str], visitor: &str) -> World {
        let mut world = World::invent(1, 60);
        world.customers.retain(|customer| customer.place == Place::Both);
        world.customers.truncate(1);
        let customer = &mut world.customers[0];
        customer.code = "C1".to_owned();
        customer.owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
        customer.visitor = Some(visitor.to_owned());
        world
    }

    #[test]
    fn every_difference_from_the_world_is_told() {
        let none: &[&str] = &[];
        for (owners, visitor, told) in [
            (&[1, 2][..], 1, none),
            (&[2, 1], 1, none),
            (&[1], 1, &["C1 belongs to ann, not to ann, ben"]),
            (&[], 1, &["C1 belongs to nobody, not to ann, ben"]),
            (&[1, 2], 2, &["C1 is visited by ben, not by ann"]),
        ] {
            let standing = Standing::of(&dump(owners, visitor)).unwrap();
            assert_eq!(standing.differences(&world(&["ann", "ben"], "ann")), told, "{owners:?} {visitor}");
        }
        let mut other = world(&["ann"], "ann");
        other.customers[0].code = "C2".to_owned();
        assert_eq!(Standing::of(&dump(&[1], 1)).unwrap().differences(&other), ["C2 is gone", "C1 should not be there"]);
    }

    #[test]
    fn what_moved_is_what_differs() {
        let (before, after) = (Standing::of(&dump(&[1], 1)).unwrap(), Standing::of(&dump(&[2], 2)).unwrap());
        assert_eq!(after.moved_since(&before), BTreeSet::from(["C1".to_owned()]));
        assert_eq!(after.visits_moved_since(&before), BTreeSet::from(["C1".to_owned()]));
        assert!(before.moved_since(&before).is_empty());
        assert_eq!((before.owned_by("ann"), after.owned_by("ann"), after.visited_by("ben"), after.requests), (1, 0, 1, 3));
    }

    #[test]
    fn a_dump_of_something_else_is_no_standing() {
        for dump in [json!({}), json!({"users": [], "customers": [{"id": 1}], "visit_frequencies": [], "writes": {}})] {
            assert_eq!(Standing::of(&dump).unwrap_err().kind(), ErrorKind::Protocol);
        }
    }
}

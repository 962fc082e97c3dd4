//! A little business world, invented from a seed: who works there, which customers there are, and who must own what after a run.
//!
//! Simulators take their share of it, so that they tell one story together. The owners follow from rules of this module's own: a judge
//! that asks it does not ask the program that is judged.

mod invent;

use std::collections::BTreeSet;

/// Somebody who works at the company.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The name they sign in with.
    pub login: String,
    /// E-mail address.
    pub email: String,
    /// May they still sign in?
    pub active: bool,
}

impl Person {
    /// First and last name.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// A rep code of the ERP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rep {
    /// The code, compared exactly: `007` is not `7`, `e-014` is not `E-014`.
    pub code: String,
    /// The login of the person it stands for in the ERP.
    pub login: String,
}

/// Which systems know a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Both.
    Both,
    /// The ERP only.
    Erp,
    /// The field-sales app only.
    Field,
}

/// A customer, with what both systems know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id in the ERP and its code in the field-sales app.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The rep code it carries in the ERP.
    pub rep: Option<String>,
    /// Is it in use in the ERP?
    pub active: bool,
    /// Who knows it.
    pub place: Place,
    /// Did one import change it last, together with most of the others?
    pub imported: bool,
    /// Logins of the people who own it in the field-sales app, ascending.
    pub owners: Vec<String>,
    /// Login of the person who visits it regularly.
    pub visitor: Option<String>,
}

/// One row of the code table as a person types it: this rep code is this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The rep code.
    pub code: String,
    /// Login or e-mail; `None`: the code is known and not mapped yet.
    pub user: Option<String>,
    /// Who takes over when that user is deactivated.
    pub successor: Option<String>,
}

/// The world. The same seed and number of customers always make the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// What it was invented from.
    pub seed: u64,
    /// Who works there.
    pub people: Vec<Person>,
    /// Rep codes of the ERP.
    pub reps: Vec<Rep>,
    /// Customers.
    pub customers: Vec<Customer>,
    /// The code table.
    pub table: Vec<TableRow>,
}

impl World {
    /// The seed where nobody chooses one.
    pub const SEED: u64 = 1;

    /// The number of customers in the ERP where nobody chooses one.
    pub const CUSTOMERS: usize = 2_600;

    /// Invents a world with so many customers in the ERP.
    pub fn invent(seed: u64, customers: usize) -> Self {
        invent::world(seed, customers)
    }

    /// The person with this login or e-mail.
    pub fn person(&self, typed: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.login == typed || person.email.eq_ignore_ascii_case(typed))
    }

    /// The customer with this code.
    pub fn customer(&self, code: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.code == code)
    }

    /// The rows of one rep code.
    pub fn rows<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a TableRow> {
        self.table.iter().filter(move |row| row.code == code)
    }

    /// Gives a rep code these rows instead of the ones it has.
    pub fn set_rows(&mut self, code: &str, rows: impl IntoIterator<Item = (String, Option<String>)>) {
        self.table.retain(|row| row.code != code);
        let rows = rows.into_iter().map(|(user, successor)| TableRow { code: code.to_owned(), user: Some(user), successor });
        self.table.extend(rows);
    }

    /// The rep code that decides who owns a customer: it is in use in the ERP, and known to both.
    pub fn deciding_code<'a>(&self, customer: &'a Customer) -> Option<&'a str> {
        customer.rep.as_deref().filter(|_| customer.active && customer.place == Place::Both)
    }

    /// Who must own a customer after a run: ascending logins.
    ///
    /// Everybody whom the rows of its code name and who may sign in, or their successors else; besides them only people who stand there, are
    /// named and cannot sign in. A customer without such a row keeps its owners.
    pub fn due_owners(&self, customer: &Customer) -> Vec<String> {
        let Some(code) = self.deciding_code(customer) else { return customer.owners.clone() };
        let mut assigned = BTreeSet::new();
        let mut kept = BTreeSet::new();
        for row in self.rows(code) {
            let Some(person) = row.user.as_deref().and_then(|typed| self.person(typed)) else { continue };
            match (person.active, self.heir(row)) {
                (true, _) => drop(assigned.insert(person.login.clone())),
                (false, Some(heir)) => drop(assigned.insert(heir.login.clone())),
                (false, None) if customer.owners.contains(&person.login) => drop(kept.insert(person.login.clone())),
                (false, None) => {}
            }
        }
        if assigned.is_empty() {
            return customer.owners.clone();
        }
        assigned.append(&mut kept);
        assigned.into_iter().collect()
    }

    /// Who must visit a customer after a run: a successor takes visits over together with the customer.
    pub fn due_visitor(&self, customer: &Customer) -> Option<String> {
        let visitor = customer.visitor.as_deref()?;
        let row = self.deciding_code(customer).and_then(|code| {
            self.rows(code)
                .find(|row| row.user.as_deref().and_then(|typed| self.person(typed)).is_some_and(|person| person.login == visitor))
        });
        let heir = row.filter(|_| self.person(visitor).is_some_and(|person| !person.active)).and_then(|row| self.heir(row));
        Some(heir.map_or_else(|| visitor.to_owned(), |heir| heir.login.clone()))
    }

    /// Lets a run happen: every customer belongs to whom it must belong to.
    pub fn run(&mut self) {
        let due: Vec<_> = self.customers.iter().map(|customer| (self.due_owners(customer), self.due_visitor(customer))).collect();
        for (customer, (owners, visitor)) in self.customers.iter_mut().zip(due) {
            customer.owners = owners;
            customer.visitor = visitor;
        }
    }

    fn heir(&self, row: &TableRow) -> Option<&Person> {
        row.successor.as_deref().and_then(|typed| self.person(typed)).filter(|heir| heir.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> World {
        let person = |login: &str, active| Person {
            first_name: login.to_uppercase(),
            last_name: "Person".to_owned(),
            login: login.to_owned(),
            email: format!("{login}@example.com"),
            active,
        };
        let row = |code: &str, user: Option<&str>, successor: Option<&str>| TableRow {
            code: code.to_owned(),
            user: user.map(str::to_owned),
            successor: successor.map(str::to_owned),
        };
        World {
            seed: 0,
            people: vec![person("ann", true), person("ben", true), person("gone", false), person("left", false)],
            reps: Vec::new(),
            customers: Vec::new(),
            table: vec![
                row("one", Some("ann"), None),
                row("two", Some("ben"), None),
                row("two", Some("ANN@example.com"), None),
                row("blank", None, None),
                row("gone", Some("gone"), None),
                row("mixed", Some("gone"), None),
                row("mixed", Some("ann"), None),
                row("heir", Some("left"), Some("ben")),
                row("late", Some("left"), Some("gone")),
                row("typo", Some("nobody"), None),
            ],
        }
    }

    fn customer(rep: Option<&str>, owners: &[&str]) -> Customer {
        Customer {
            code: "C1".to_owned(),
            name: "Customer".to_owned(),
            rep: rep.map(str::to_owned),
            active: true,
            place: Place::Both,
            imported: false,
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
            visitor: None,
        }
    }

    #[test]
    fn who_must_own_a_customer_follows_from_its_code() {
        let world = tiny();
        for (rep, before, after) in [
            (Some("one"), &["ben"][..], &["ann"][..]),
            (Some("two"), &[], &["ann", "ben"]),
            (Some("blank"), &["ben"], &["ben"]),
            (Some("none"), &["ben"], &["ben"]),
            (None, &["ben"], &["ben"]),
            (Some("gone"), &["ben", "gone"], &["ben", "gone"]),
            (Some("mixed"), &["ben", "gone"], &["ann", "gone"]),
            (Some("mixed"), &["ben"], &["ann"]),
            (Some("heir"), &["left"], &["ben"]),
            (Some("late"), &["left"], &["left"]),
            (Some("typo"), &["ann"], &["ann"]),
        ] {
            assert_eq!(world.due_owners(&customer(rep, before)), after, "{rep:?} before {before:?}");
        }
        for (active, place) in [(false, Place::Both), (true, Place::Erp), (true, Place::Field)] {
            let left = Customer { active, place, ..customer(Some("one"), &["ben"]) };
            assert_eq!(world.due_owners(&left), ["ben"], "{active} {place:?}");
        }
    }

    #[test]
    fn visits_follow_a_successor_and_nobody_else() {
        let world = tiny();
        for (rep, before, after) in [("heir", "left", "ben"), ("heir", "ann", "ann"), ("one", "left", "left"), ("gone", "gone", "gone")] {
            let visited = Customer { visitor: Some(before.to_owned()), ..customer(Some(rep), &[]) };
            assert_eq!(world.due_visitor(&visited).as_deref(), Some(after), "{rep} visited by {before}");
        }
    }

    #[test]
    fn a_run_brings_everything_to_where_it_must_be_and_then_changes_nothing() {
        let mut world = World::invent(3, 500);
        let before = world.clone();
        world.run();
        assert_ne!(before.customers, world.customers);
        let once = world.clone();
        world.run();
        assert_eq!(once, world);
    }
}

//! Invents a world: every trap of the rep-codes job occurs in it, and how often depends on the seed.

use std::collections::BTreeSet;

use super::{Customer, Person, Place, Rep, TableRow, World};

/// People in the order of the parts below; whoever follows is another field rep.
const NAMES: &[(&str, &str, &str)] = &[
    ("Nadia", "Okoro", "nadia.o"),
    ("Lindiwe", "Mokoena", "lindiwe"),
    ("Pieter", "Brand", "pieter"),
    ("Siobhan", "O'Shea", "siobhan.oshea"),
    ("Tomas", "Reyes", "tomas"),
    ("Gert", "van Zyl", "gert.vz"),
    ("Zola", "Dube", "zola"),
    ("Noa", "Lindqvist", "noa.new"),
    ("Jörg", "Müller", "joerg.m"),
    ("Zoë", "Jansen", "zoe.jansen"),
    ("Łukasz", "Nowak", "lukasz"),
    ("Amira", "Haddad", "amira"),
    ("Wei", "Chen", "wei.chen"),
    ("Thandi", "Nkosi", "thandi"),
    ("Ana", "Sá", "ana.sa"),
    ("Bongani", "Zulu", "bongani"),
    ("Carys", "Llewellyn-Jones", "carys.lj"),
    ("Ravi", "Naidoo", "ravi"),
    ("Ilse", "de Wet", "ilse.dw"),
    ("Sean", "D'Arcy", "sean.darcy"),
    ("Naledi", "Molefe", "naledi"),
    ("Marek", "Dvořák", "marek"),
];

const SEVERAL_CODES: usize = 0;
const SECOND: usize = 1;
const THIRD: usize = 2;
const HEIR: usize = 3;
/// Deactivated; their row names no successor.
const GONE: usize = 4;
/// Deactivated; their row names [`HEIR`].
const REPLACED: usize = 5;
/// Has no row, and owns customers that are others' by their codes.
const WITHOUT_ROW: usize = 6;
/// Has no row and owns nothing.
const NEW: usize = 7;
const FIRST_OTHER: usize = 8;

/// A code with a blank row.
const BLANK: &str = "R20";
/// A code without any row.
const UNKNOWN: &str = "E-031";

/// Codes with a part of their own, and the people of their rows.
const CODES: &[(&str, &[usize])] = &[
    ("R05", &[SEVERAL_CODES]),
    ("R11", &[SEVERAL_CODES, SECOND]),
    ("7", &[SEVERAL_CODES]),
    ("007", &[THIRD]),
    ("E-014", &[SECOND]),
    ("e-014", &[HEIR]),
    ("0099", &[GONE]),
    ("R40", &[REPLACED]),
    (BLANK, &[]),
    (UNKNOWN, &[]),
];

const SHOPS: &[&str] = &[
    "Tidewater Grocers",
    "O'Brien & Söhne",
    "Kopje Outfitters <Pty>",
    "Harbour, Lane & Co.",
    "Café Zoë",
    "Umhlanga Books",
    "Αθήνα Foods",
    "North \"Star\" Hardware",
    "Weiß <Söhne>",
    "D'Arcy's Garage",
    "Old Mill Traders",
    "Łódź Deli, Ltd",
    "東京 Noodles",
    "Tarn & Fell",
];

const REGIONS: &[&str] = &["CAPE", "GAUT", "NATAL", "KAROO", "00"];

/// Of so many customers one was changed by hand after the import that brought the others.
const BY_HAND: usize = 26;

/// A sequence of numbers that look like chance and follow from the seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635_d1a2_9c4b)
    }

    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap_or(0)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

pub(super) fn world(seed: u64, customers: usize) -> World {
    let mut dice = Dice::new(seed);
    let people = people(&mut dice);
    let (reps, table) = codes(&people, &mut dice);
    let mut world = World { seed, people, reps, customers: Vec::new(), table };
    world.customers = (0..customers).map(|index| erp_customer(&world, index, &mut dice)).collect();
    if customers > 0 {
        let strangers = 2 + customers / 400 + dice.roll(4);
        let strangers: Vec<Customer> = (0..strangers).map(|index| field_customer(&world, index, &mut dice)).collect();
        world.customers.extend(strangers);
    }
    world
}

fn people(dice: &mut Dice) -> Vec<Person> {
    let count = NAMES.len() - dice.roll(7);
    NAMES[..count]
        .iter()
        .enumerate()
        .map(|(part, (first, last, login))| Person {
            first_name: (*first).to_owned(),
            last_name: (*last).to_owned(),
            login: (*login).to_owned(),
            email: format!("{login}@example.com"),
            active: !matches!(part, GONE | REPLACED),
        })
        .collect()
}

fn codes(people: &[Person], dice: &mut Dice) -> (Vec<Rep>, Vec<TableRow>) {
    let (mut reps, mut table) = (Vec::new(), Vec::new());
    let login = |part: usize| people[part].login.clone();
    for (code, parts) in CODES {
        reps.push(Rep { code: (*code).to_owned(), login: login(parts.first().copied().unwrap_or(NEW)) });
        let row = |user: Option<String>, successor| TableRow { code: (*code).to_owned(), user, successor };
        match *parts {
            [] if *code == BLANK => table.push(row(None, None)),
            parts => table.extend(parts.iter().map(|part| row(Some(login(*part)), (*part == REPLACED).then(|| login(HEIR))))),
        }
    }
    for number in 0..12 + dice.roll(9) {
        let code = format!("E-{}", 101 + number);
        let count = 1 + usize::from(dice.chance(30)) + usize::from(dice.chance(10));
        let users: BTreeSet<usize> = (0..count).map(|_| FIRST_OTHER + dice.roll(people.len() - FIRST_OTHER)).collect();
        let first = users.first().copied().unwrap_or(FIRST_OTHER);
        reps.push(Rep { code: code.clone(), login: login(first) });
        // Some people type an e-mail address, as they are free to.
        table.extend(users.into_iter().map(|part| TableRow {
            code: code.clone(),
            user: Some(if number % 5 == 0 { people[part].email.to_uppercase() } else { login(part) }),
            successor: None,
        }));
    }
    (reps, table)
}

/// The first ones play the parts that must not be missing: one that is too long, one by itself, one not in use, one without a rep, one for each code.
fn erp_customer(world: &World, index: usize, dice: &mut Dice) -> Customer {
    let region = dice.pick(REGIONS);
    let code = if index == 0 { format!("{region}-WAREHOUSE-OF-THE-FOUR-LONG-RIVERS-{index:04}") } else { format!("{region}-{index:05}") };
    let first_of_code = index.checked_sub(4).and_then(|at| world.reps.get(at));
    let rep = first_of_code.unwrap_or_else(|| dice.pick(&world.reps)).code.clone();
    let free = first_of_code.is_none();
    let place = if index < 2 || (free && dice.chance(1)) { Place::Erp } else { Place::Both };
    let active = index != 2 && !(free && dice.chance(3));
    let rep = if index == 3 || (free && index > 2 && dice.chance(2)) { None } else { Some(rep) };
    let mut customer = Customer {
        name: format!("{} {}", dice.pick(SHOPS), index + 1),
        imported: index % BY_HAND != BY_HAND - 1,
        code,
        rep,
        active,
        place,
        owners: Vec::new(),
        visitor: None,
    };
    if place == Place::Both {
        customer.owners = first_owners(world, &customer, free, dice);
        let visited = !free || dice.chance(30);
        customer.visitor = customer.owners.first().filter(|_| visited).cloned();
    }
    customer
}

/// Most customers begin with somebody else than their code says, as they stand before the first run.
fn first_owners(world: &World, customer: &Customer, free: bool, dice: &mut Dice) -> Vec<String> {
    let code = world.deciding_code(customer).unwrap_or_default();
    let named: BTreeSet<&Person> = world.rows(code).filter_map(|row| world.person(row.user.as_deref()?)).collect();
    let mut owners: BTreeSet<&Person> = BTreeSet::new();
    if named.is_empty() {
        // Nobody decides: it keeps who stands there, which must not be somebody who shall own nothing.
        owners.insert(*dice.pick(with_row(world).as_slice()));
    } else if named.iter().any(|person| !person.active) || (free && dice.chance(12)) {
        owners = named;
    } else {
        let others: Vec<&Person> = world.people.iter().filter(|person| person.active && person.login != world.people[NEW].login).collect();
        owners.insert(*dice.pick(others.as_slice()));
        if dice.chance(15) {
            owners.insert(*dice.pick(others.as_slice()));
        }
        if !free || dice.chance(8) {
            owners.insert(&world.people[WITHOUT_ROW]);
        }
    }
    let mut logins: Vec<String> = owners.into_iter().map(|person| person.login.clone()).collect();
    logins.sort_unstable();
    logins
}

/// Everybody who may sign in and stands in the code table.
fn with_row(world: &World) -> Vec<&Person> {
    let is_named = |person: &&Person| {
        let named = world.table.iter().filter_map(|row| world.person(row.user.as_deref()?));
        person.active && named.into_iter().any(|named| named.login == person.login)
    };
    world.people.iter().filter(is_named).collect()
}

fn field_customer(world: &World, index: usize, dice: &mut Dice) -> Customer {
    let owner = world.people[*dice.pick(&[SEVERAL_CODES, SECOND, THIRD])].login.clone();
    Customer {
        code: format!("PROSPECT-{:03}", index + 1),
        name: format!("{} (prospect {})", dice.pick(SHOPS), index + 1),
        rep: None,
        active: true,
        place: Place::Field,
        imported: false,
        owners: vec![owner],
        visitor: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(world: &World, what: impl Fn(&Customer) -> bool) -> usize {
        world.customers.iter().filter(|customer| what(customer)).count()
    }

    #[test]
    fn every_trap_occurs_whatever_the_seed() {
        for (seeds, count) in [(40, 60), (3, 2_600)] {
            for seed in 0..seeds {
                let world = World::invent(seed, count);
                let told = format!("seed {seed}, {count} customers");
                assert_eq!(with(&world, |customer| customer.place != Place::Field), count, "{told}");
                let imported = with(&world, |customer| customer.imported);
                assert_eq!(imported, count - count / BY_HAND, "{told}");
                assert_eq!(with(&world, |customer| customer.code.chars().count() > 40), 1, "{told}");
                for place in [Place::Erp, Place::Field] {
                    assert!(with(&world, |customer| customer.place == place) > 1, "{told}: {place:?}");
                }
                assert!(with(&world, |customer| !customer.active) > 0, "{told}");
                assert!(with(&world, |customer| customer.rep.is_none() && customer.place == Place::Both) > 0, "{told}");
                for rep in &world.reps {
                    let carried = |customer: &Customer| world.deciding_code(customer) == Some(&rep.code);
                    assert!(with(&world, carried) > 0, "{told}: nobody carries {}", rep.code);
                }
                for part in [GONE, REPLACED] {
                    let login = &world.people[part].login;
                    assert!(with(&world, |customer| customer.visitor.as_ref() == Some(login)) > 0, "{told}: {login} visits nobody");
                }
                assert_eq!(world.rows(BLANK).map(|row| row.user.clone()).collect::<Vec<_>>(), [None], "{told}");
                assert_eq!(world.rows(UNKNOWN).count(), 0, "{told}");
            }
        }
    }

    #[test]
    fn people_without_a_row_lose_what_they_stand_on() {
        for seed in 0..20 {
            let mut world = World::invent(seed, 400);
            let owns = |world: &World, person: &Person| with(world, |customer| customer.owners.contains(&person.login));
            assert!(owns(&world, &world.people[WITHOUT_ROW]) > 0 && owns(&world, &world.people[NEW]) == 0, "seed {seed}");
            world.run();
            let named: BTreeSet<&str> = world
                .table
                .iter()
                .flat_map(|row| row.user.iter().chain(&row.successor))
                .filter_map(|typed| Some(world.person(typed)?.login.as_str()))
                .collect();
            for person in world.people.iter().filter(|person| !named.contains(person.login.as_str())) {
                assert_eq!(owns(&world, person), 0, "seed {seed}: {}", person.login);
            }
            assert_eq!(owns(&world, &world.people[REPLACED]), 0, "seed {seed}");
        }
    }

    #[test]
    fn counts_follow_the_seed() {
        let moved = |seed: u64| {
            let world = World::invent(seed, 2_600);
            with(&world, |customer| world.due_owners(customer) != customer.owners)
        };
        assert_eq!(moved(1), moved(1));
        assert!((1..9).map(moved).collect::<BTreeSet<_>>().len() > 6);
        // Far above any cap, as a first run is.
        assert!((0..9).all(|seed| moved(seed) > 1_300));
        assert_eq!(World::invent(1, 0).customers, []);
    }

    #[test]
    fn codes_and_logins_are_unique() {
        let world = World::invent(5, 2_600);
        let codes: BTreeSet<&str> = world.customers.iter().map(|customer| customer.code.as_str()).collect();
        assert_eq!(codes.len(), world.customers.len());
        let logins: BTreeSet<&str> = world.people.iter().map(|person| person.login.as_str()).collect();
        assert_eq!(logins.len(), world.people.len());
    }
}

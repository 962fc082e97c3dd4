//! The judgement at the end of the week: owners from the simulator's dump and the world, each move from the simulator's history and the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use rightful_core::Instant;
use rightful_engine::{Entry, EntryFilter, EntryState, RunFilter, RunOutcome, Silent, Store as _, WatchStore as _};
use serde_json::Value as Json;

use super::town::{Kept, Town};
use super::witness::{By, Moved, Owners};
use super::{EARLY, HOURS, Incident, LATE, MAIN, NIGHT, Week, begin};
use crate::demo::standing::Standing;

impl Week {
    pub fn judge(&mut self) {
        self.main.world.run();
        self.other.world.run();
        for town in [&self.main, &self.other] {
            let standing = Standing::of(&town.dump()).unwrap();
            assert_eq!(standing.differences(&town.world), Vec::<String>::new());
        }
        self.judge_schedules();
        self.judge_alarms();
        let entries = self.entries(MAIN);
        self.judge_counts(&entries);
        self.judge_moves(&entries);
        self.judge_explanations(&entries);
    }

    /// Each due time was acted upon once, also where clocks are put forward and back.
    fn judge_schedules(&self) {
        let hourly: Vec<Instant> = (0..HOURS)
            .filter(|hour| !matches!(self.incidents.get(hour), Some(Incident::Missed(0))))
            // Five runs put it into quarantine; what was due in it is caught up by one.
            .filter(|hour| !matches!(self.incidents.get(hour), Some(Incident::Night(_, night)) if (5..NIGHT - 1).contains(night)))
            .map(|hour| begin() + chrono::TimeDelta::hours(hour) + chrono::TimeDelta::minutes(self.minute))
            .collect();
        assert_eq!(self.handled[MAIN][1..], hourly);
        let early = ["29T01:00", "30T00:30", "31T00:30"].map(|time| format!("2026-03-{time}:00Z"));
        let early = early.into_iter().chain((1..=4).map(|day| format!("2026-04-{day:02}T00:30:00Z")));
        let late = (28..=31).map(|day| format!("2026-03-{day}T15:30:00Z")).chain((1..=4).map(|day| format!("2026-04-{day:02}T15:30:00Z")));
        for (name, expected) in [(EARLY, early.collect::<Vec<_>>()), (LATE, late.collect())] {
            let expected: Vec<Instant> = expected.iter().map(|time| time.parse().unwrap()).collect();
            assert_eq!(self.handled[name][1..], expected, "{name}");
            let filter = RunFilter { integration: Some(name.to_owned()), limit: 100, ..RunFilter::default() };
            let runs = self.outside.block_on(self.store.runs_where(&filter)).unwrap();
            let scheduled: Vec<_> = runs.iter().filter(|run| run.started >= begin()).map(|run| run.outcome).collect();
            assert_eq!(scheduled, vec![Some(RunOutcome::Done); expected.len()], "{name}");
        }
    }

    /// Each alarm was told once with its beginning and once with its end, under one id, and none stands.
    fn judge_alarms(&self) {
        assert_eq!(self.told(), self.alarms);
        let mut episodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (json, ..) in self.sink.heard.lock().unwrap().iter() {
            episodes.entry(json["id"].to_string()).or_default().push(json["state"].to_string());
        }
        assert!(episodes.len() >= 3 && episodes.values().all(|states| *states == ["\"began\"", "\"ended\""]), "{episodes:?}");
        assert_eq!(self.outside.block_on(self.store.episodes()).unwrap(), []);
    }

    fn entries(&self, integration: &str) -> Vec<Entry> {
        let mut filter = EntryFilter { integration: Some(integration.to_owned()), limit: 1_000, ..EntryFilter::default() };
        let mut all = Vec::new();
        loop {
            let chunk = self.outside.block_on(self.store.entries(&filter)).unwrap();
            let Some(last) = chunk.last() else { return all };
            filter.after = Some(last.id);
            all.extend(chunk);
        }
    }

    /// Skynamo counted as many writes as the ledger has as done, also customer by customer; nothing is open.
    fn judge_counts(&self, entries: &[Entry]) {
        let open: Vec<&Entry> = entries.iter().filter(|entry| !entry.state.is_final() || entry.state == EntryState::Disputed).collect();
        assert!(open.is_empty(), "{open:#?}");
        let dump = self.main.dump();
        for (kind, counter) in [("customer", "PATCH /customers"), ("visit-frequency", "PATCH /visitfrequencies")] {
            let done = done(entries, kind).count();
            let counted = dump["writes"][counter]["applied"].as_u64().unwrap_or(0);
            assert_eq!(counted, done as u64, "{kind}");
        }
        let created = |code: &str| u64::from(code.starts_with("NEW-"));
        for row in dump["customers"].as_array().unwrap() {
            let (id, code) = (row["id"].to_string(), row["code"].as_str().unwrap());
            let written = done(entries, "customer").filter(|entry| entry.target.as_str() == id).count() as u64;
            assert_eq!(row["writes"], written + created(code), "{code}");
        }
        let settled = entries.iter().filter(|entry| entry.note.as_deref().is_some_and(|note| note.contains("its answer was lost"))).count();
        assert!(settled > 0, "no lost answer was settled");
    }

    /// Every move that Skynamo saw is one by hand, or one done entry of the ledger that says why; and the other way round.
    fn judge_moves(&self, entries: &[Entry]) {
        let mut moves: BTreeMap<i64, Vec<Moved>> = BTreeMap::new();
        for moved in self.main.field().moves() {
            moves.entry(moved.customer).or_default().push(moved);
        }
        let mut written: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
        for entry in done(entries, "customer") {
            written.entry(entry.target.as_str().parse().unwrap()).or_default().push(entry);
        }
        assert!(written.keys().all(|customer| moves.contains_key(customer)), "a write that moved nobody");
        assert!(moves.len() > 50 && moves.values().any(|chain| chain.iter().any(|moved| moved.by == By::Hand)));
        for (customer, chain) in &moves {
            let mut told = written.remove(customer).unwrap_or_default().into_iter();
            for (place, moved) in chain.iter().enumerate() {
                assert!(place == 0 || chain[place - 1].after == moved.before, "unseen between: {chain:#?}");
                if moved.by == By::Hand {
                    continue;
                }
                let entry = told.next().unwrap_or_else(|| panic!("nothing in the ledger for {moved:?}"));
                assert_eq!((set(&entry.before), set(&entry.after)), (moved.before.clone(), moved.after.clone()), "{entry:#?}");
                self.judge_why(entry, moved);
            }
            assert_eq!(told.count(), 0, "the ledger tells of more than happened: {chain:#?}");
        }
    }

    /// The entry names its run, and the code, version, author and reason that the people of the town know.
    fn judge_why(&self, entry: &Entry, moved: &Moved) {
        let why = &entry.why;
        let run = self.outside.block_on(self.store.run(entry.run)).unwrap().expect("its run is kept");
        assert!(run.started <= entry.intended_at && entry.intended_at <= moved.at && Some(moved.at) <= run.ended, "{run:?} {entry:?}");
        assert_eq!(why.code.as_deref(), self.main.code_at(&entry.code, entry.intended_at), "{entry:#?}");
        let code = why.code.as_deref().expect("only a code moves anybody");
        assert_eq!(why.code_label.as_deref(), Some(&*format!("Rep Code - {code}")));
        let newest = self.main.tables.iter().rev().find(|(_, (at, _))| *at <= entry.intended_at);
        let (version, (_, table)) = newest.expect("a table decided");
        assert_eq!(why.table_version, Some(*version), "{entry:#?}");
        let rows: Vec<&Kept> = table.iter().filter(|kept| kept.row.code == code).collect();
        let by = &rows.iter().max_by_key(|kept| kept.since).expect("the code had rows").by;
        assert_eq!((why.author.as_deref(), why.reason.as_deref()), (Some(&*by.author), Some(&*by.reason)), "{entry:#?}");
        let wanted: Owners = rows.iter().flat_map(|kept| named(&self.main, kept)).collect();
        assert!(wanted.is_subset(&moved.after), "{code} is {wanted:?}: {entry:#?}");
        // Whoever else stands there came by hand, and only for a while.
        let strangers = moved.after.difference(&wanted).count();
        assert_eq!(strangers, why.notes.iter().filter(|note| note.contains("first seen too lately")).count(), "{entry:#?}");
    }

    /// `explain` says of everybody who moved what the ledger knows, and that the present table agrees.
    fn judge_explanations(&self, entries: &[Entry]) {
        let mut last: BTreeMap<i64, Moved> = BTreeMap::new();
        for moved in self.main.field().moves() {
            last.insert(moved.customer, moved);
        }
        let serving = self.serving();
        let (integration, ports) = serving.runtime().block_on(async {
            let composition = serving.composition();
            let integration = composition.integration(Some(MAIN)).unwrap();
            (integration, composition.ports(integration, Arc::new(Silent)).await.unwrap())
        });
        for row in self.main.dump()["customers"].as_array().unwrap() {
            let Some(moved) = row["id"].as_i64().and_then(|id| last.get(&id)).filter(|moved| moved.by == By::Program) else { continue };
            let code = row["code"].as_str().unwrap();
            let explained = serving.runtime().block_on(rightful_engine::explain(&ports, integration, code)).unwrap();
            let explained = explained.unwrap_or_else(|| panic!("{code} is not known"));
            assert_eq!((explained.as_written, explained.deciding().map(|entry| entry.id)), (Some(true), newest(entries, row)), "{code}");
            let entry = explained.deciding().unwrap();
            assert_eq!(set(&entry.after), moved.after);
            let told = explained.told().join(" ");
            let why = &entry.why;
            for word in [entry.run.to_string(), why.code_label.clone().unwrap(), why.author.clone().unwrap(), why.reason.clone().unwrap()] {
                assert!(told.contains(&word), "{word} is not in: {told}");
            }
            assert_eq!(explained.present.unwrap().verdict, "already-so", "{told}");
        }
    }
}

fn done<'a>(entries: &'a [Entry], kind: &'a str) -> impl Iterator<Item = &'a Entry> {
    entries.iter().filter(move |entry| entry.kind.as_str() == kind && entry.state == EntryState::Done)
}

fn newest(entries: &[Entry], row: &Json) -> Option<rightful_engine::EntryId> {
    let id = row["id"].to_string();
    done(entries, "customer").filter(|entry| entry.target.as_str() == id).last().map(|entry| entry.id)
}

fn set(owners: &[String]) -> Owners {
    owners.iter().cloned().collect()
}

/// Whom a row gives its customers to: its user, or the successor where the user cannot sign in.
fn named(town: &Town, kept: &Kept) -> Option<String> {
    let person = |typed: Option<&String>| typed.and_then(|typed| town.world.person(typed)).filter(|person| person.active);
    // Who has left by the end of the week had their own customers while they were there.
    let user = if kept.row.successor.is_none() { kept.row.user.as_ref() } else { None };
    let found = user.and_then(|typed| town.world.person(typed)).or_else(|| person(kept.row.user.as_ref()));
    let found = found.or_else(|| person(kept.row.successor.as_ref()))?;
    Some(town.user_id(&found.login).to_string())
}

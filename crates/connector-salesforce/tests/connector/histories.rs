//! Generated histories of an organisation: whatever happens between incremental reads, the image of them equals the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Duration;
use connector_salesforce::sim::{SalesforceSim, Switches};
use proptest::prelude::*;
use rightful_core::{FieldName, Mark, Owner, Page, Record, Role, Rows, Scan, State, Value};
use rightful_sim::{SimClock, Simulator};
use serde_json::{Value as Json, json};

use crate::wire::{Line, accounts, noon, organisation};

/// The lookback that connections have unless they say otherwise: no row may be later than that.
const LATEST: i64 = 600;

/// Something that happens. A number picks one of the rows there are.
#[derive(Clone, Debug)]
enum Step {
    Create {
        owner: usize,
        late: Option<i64>,
    },
    Change {
        row: usize,
        owner: usize,
        late: Option<i64>,
    },
    /// So many rows in a row change at once, under one stamp.
    Mass {
        row: usize,
        count: usize,
        owner: usize,
    },
    Delete {
        row: usize,
    },
    /// Takes it out of the recycle bin.
    Undelete {
        row: usize,
    },
    /// Empties it out of the bin for good.
    Purge {
        row: usize,
    },
    Wait {
        seconds: i64,
    },
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    let late = || prop_oneof![2 => Just(None), 1 => (1..=LATEST).prop_map(Some)];
    let row = || 0_usize..40;
    prop_oneof![
        3 => (0_usize..3, late()).prop_map(|(owner, late)| Step::Create { owner, late }),
        6 => (row(), 0_usize..3, late()).prop_map(|(row, owner, late)| Step::Change { row, owner, late }),
        2 => (row(), 3_usize..12, 0_usize..3).prop_map(|(row, count, owner)| Step::Mass { row, count, owner }),
        4 => row().prop_map(|row| Step::Delete { row }),
        3 => row().prop_map(|row| Step::Undelete { row }),
        1 => row().prop_map(|row| Step::Purge { row }),
        4 => prop_oneof![Just(1_i64), 1_i64..120, 300_i64..2000].prop_map(|seconds| Step::Wait { seconds }),
        5 => Just(Step::Read),
    ]
}

/// A record as it was last seen.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    owner: String,
    name: String,
    region: String,
    gone: bool,
}

fn seen(record: &Record) -> Seen {
    let Owner::Known(owners) = record.owner(&Role::fixed("owner")) else { panic!("{record:?} names no owner") };
    let [Value::Text(region)] = record.values.as_slice() else { panic!("{record:?} has no region") };
    Seen { owner: owners[0].clone(), name: record.name.clone(), region: region.clone(), gone: record.state == State::Gone }
}

/// What the rules of a run make of reads: rows over rows, and a full read wherever the number of rows is another one.
#[derive(Default)]
struct Image {
    rows: BTreeMap<String, Seen>,
    mark: Option<Mark>,
    full_reads: usize,
}

fn scan(rows: Rows) -> Scan {
    Scan { kind: "account".into(), rows, fields: vec![FieldName::fixed("Region__c")] }
}

impl Image {
    fn store(&mut self, (page, records): (Page, Vec<Record>)) -> Option<u64> {
        for record in &records {
            self.rows.insert(record.id.to_string(), seen(record));
        }
        self.mark = page.mark.or(self.mark.take());
        page.whole
    }

    fn live(&self) -> u64 {
        self.rows.values().filter(|row| !row.gone).count() as u64
    }

    async fn read(&mut self, line: &Line) {
        if let Some(mark) = self.mark.clone() {
            let whole = self.store(line.whole(&scan(Rows::Since(mark))).await.unwrap());
            if whole == Some(self.live()) {
                return;
            }
        }
        self.full_reads += 1;
        let (page, records) = line.whole(&scan(Rows::All)).await.unwrap();
        assert_eq!(page.total, Some(records.len() as u64), "each row once");
        for (id, row) in &mut self.rows {
            // It keeps what was last seen of it.
            row.gone |= !records.iter().any(|record| record.id == id.as_str());
        }
        self.store((page, records));
    }
}

struct Organisation {
    sim: Arc<SalesforceSim>,
    clock: SimClock,
    line: Line,
    ids: Vec<String>,
    deleted: BTreeSet<String>,
    purged: Vec<String>,
    changes: usize,
}

impl Organisation {
    fn new() -> Self {
        // Pages of three rows, so that equal stamps lie across their borders.
        let switches = Switches { page_size: 3, session_minutes: 60 * 24 * 365, ..Switches::default() };
        let sim = Arc::new(SalesforceSim::new(organisation(accounts(5), switches)));
        let clock = SimClock::fixed(noon());
        // The seed lies two days before its start: begin anew at the clock's time.
        sim.control("reset", Json::Null, &clock).unwrap();
        let line = Line::inside(&sim, &clock, &[]);
        let ids = sim.dump()["objects"]["Account"].as_array().unwrap().iter().map(|row| row["Id"].as_str().unwrap().to_owned()).collect();
        Self { sim, clock, line, ids, deleted: BTreeSet::new(), purged: Vec::new(), changes: 0 }
    }

    fn control(&self, name: &str, body: Json) -> Json {
        self.sim.control(name, body, &self.clock).unwrap()
    }

    fn user(owner: usize) -> String {
        format!("005Qk{:010}IAA", owner + 1)
    }

    fn pick(&self, row: usize) -> Option<String> {
        let id = &self.ids[row % self.ids.len()];
        (!self.purged.contains(id)).then(|| id.clone())
    }

    /// New values, under a name that no change had before.
    fn fields(&mut self, owner: usize) -> Json {
        self.changes += 1;
        json!({ "OwnerId": Self::user(owner), "Name": format!("Name {}", self.changes), "Region__c": format!("Region {}", self.changes) })
    }

    fn change(&mut self, id: &str, owner: usize, late: Option<i64>) {
        if !self.deleted.contains(id) {
            let fields = self.fields(owner);
            self.control("set-record", json!({ "id": id, "fields": fields, "visible_in_seconds": late }));
        }
    }

    async fn take(&mut self, step: &Step, image: &mut Image) {
        match *step {
            Step::Create { owner, late } => {
                let fields = self.fields(owner);
                let made = self.control("set-record", json!({ "object": "Account", "fields": fields, "visible_in_seconds": late }));
                self.ids.push(made["id"].as_str().unwrap().to_owned());
            }
            Step::Change { row, owner, late } => {
                if let Some(id) = self.pick(row) {
                    self.change(&id, owner, late);
                }
            }
            Step::Mass { row, count, owner } => {
                for place in row..row + count {
                    if let Some(id) = self.pick(place) {
                        self.change(&id, owner, None);
                    }
                }
            }
            Step::Delete { row } => {
                if let Some(id) = self.pick(row).filter(|id| self.deleted.insert(id.clone())) {
                    self.control("delete-record", json!({ "id": id }));
                }
            }
            Step::Undelete { row } => {
                if let Some(id) = self.pick(row).filter(|id| self.deleted.remove(id)) {
                    self.control("undelete-record", json!({ "id": id }));
                }
            }
            Step::Purge { row } => {
                if let Some(id) = self.pick(row).filter(|id| self.deleted.remove(id)) {
                    self.control("purge-record", json!({ "id": id }));
                    self.purged.push(id);
                }
            }
            Step::Wait { seconds } => self.clock.advance(Duration::seconds(seconds)),
            Step::Read => image.read(&self.line).await,
        }
    }

    /// The truth: every row there is, in the bin too.
    fn truth(&self) -> BTreeMap<String, Seen> {
        let text = |row: &Json, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let seen = |row: &Json| Seen {
            owner: text(row, "OwnerId"),
            name: text(row, "Name"),
            region: text(row, "Region__c"),
            gone: row["IsDeleted"] == true,
        };
        self.sim.dump()["objects"]["Account"].as_array().unwrap().iter().map(|row| (text(row, "Id"), seen(row))).collect()
    }
}

async fn told(steps: &[Step]) -> (Organisation, Image) {
    let (mut organisation, mut image) = (Organisation::new(), Image::default());
    image.read(&organisation.line).await;
    for step in steps {
        organisation.take(step, &mut image).await;
    }
    // By now every late row is visible.
    organisation.clock.advance(Duration::seconds(LATEST));
    image.read(&organisation.line).await;
    (organisation, image)
}

fn check(steps: &[Step]) -> Result<Image, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (organisation, image) = runtime.block_on(told(steps));
    let truth = organisation.truth();
    for (id, wanted) in &truth {
        match image.rows.get(id) {
            Some(found) => prop_assert_eq!(found, wanted, "{}", id),
            // It came and went between two reads.
            None => prop_assert!(wanted.gone, "{} was never seen", id),
        }
    }
    for (id, row) in &image.rows {
        prop_assert!(truth.contains_key(id) || row.gone && !row.owner.is_empty(), "{} was purged, and stands in the image", id);
    }
    Ok(image)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sf_3_whatever_happens_between_reads_the_image_equals_the_truth(steps in prop::collection::vec(step(), 1..60)) {
        check(&steps)?;
    }
}

/// The mark alone would miss the late row: its stamp lies before it.
#[test]
fn sf_3_a_row_that_appears_behind_the_mark_is_read_without_a_full_read() {
    let steps = [
        Step::Change { row: 0, owner: 1, late: Some(500) },
        Step::Wait { seconds: 100 },
        Step::Change { row: 1, owner: 1, late: None },
        Step::Read,
        Step::Wait { seconds: 400 },
        Step::Read,
    ];
    assert_eq!(check(&steps).unwrap().full_reads, 1, "only the first");
}

#[test]
fn sf_3_what_was_deleted_and_came_back_is_seen_both_times_and_a_gone_row_keeps_its_last_owner() {
    let steps = [
        Step::Change { row: 2, owner: 1, late: None },
        Step::Delete { row: 2 },
        Step::Read,
        Step::Wait { seconds: 60 },
        Step::Undelete { row: 2 },
        Step::Read,
        Step::Delete { row: 3 },
        Step::Undelete { row: 3 },
        Step::Change { row: 4, owner: 2, late: None },
        Step::Delete { row: 4 },
        Step::Wait { seconds: 60 },
    ];
    let image = check(&steps).unwrap();
    assert_eq!(image.full_reads, 1, "the bin shows it all");
    let gone: Vec<&Seen> = image.rows.values().filter(|row| row.gone).collect();
    assert_eq!((gone.len(), gone[0].owner.as_str()), (1, Organisation::user(2).as_str()));
}

/// What is purged shows in no window: the number of rows tells of it.
#[test]
fn sf_3_a_purged_row_is_noticed_by_the_number_of_rows() {
    let image = check(&[Step::Delete { row: 0 }, Step::Purge { row: 0 }, Step::Wait { seconds: 5 }, Step::Read]).unwrap();
    assert_eq!((image.full_reads, image.rows.values().filter(|row| row.gone).count()), (2, 1));
}

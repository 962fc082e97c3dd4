//! Writing: whatever happens to a call, what the connector says of each write is true.

use rightful_core::{Connector, KindSpec, Outcome, RecordId, Scan, State, Target, Verb, Write};

use super::samples::{Sample, missing_id, refused, row_of, updates, upserts, write};
use super::stage::Stage;
use super::{Check, Contract, Found};
use crate::expectation::shown;
use crate::scenario::read_whole;

/// What may happen to a single request of a write.
const MISHAPS: [&str; 8] = ["drop-after", "drop", "truncate", "html", "429=1", "500", "503", "504"];

/// What may happen to every request from one on: the network is gone and nothing can be read back.
const OUTAGES: [&str; 3] = ["drop-after", "drop", "503"];

/// More requests than a write of two records takes.
const REQUESTS: u64 = 12;

pub(super) async fn partial_writes_hold(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    for spec in contract.kinds(Check::PartialWrites) {
        let mut found = Vec::new();
        if spec.verbs.contains(&Verb::Update) {
            found.extend(updates_answer_for_themselves(contract, &spec).await?);
        }
        if spec.verbs.contains(&Verb::Create) {
            found.extend(creates_are_there(contract, &spec).await?);
        }
        if spec.verbs.contains(&Verb::Upsert) {
            found.extend(upserts_answer_for_themselves(contract, &spec).await?);
        }
        if spec.verbs.contains(&Verb::Remove) {
            found.extend(removed_is_gone(contract, &spec).await?);
        }
        problems.extend(found.into_iter().map(|problem| format!("kind `{}`: {problem}", spec.kind)));
    }
    Ok(problems)
}

async fn updates_answer_for_themselves(contract: &Contract, spec: &KindSpec) -> Found {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples = updates(&stage, &*connector, spec, 3).await?;
    let [first, second, third] = samples.as_slice() else { return Err("three samples are needed".to_owned()) };
    let mut problems = Vec::new();
    // One bad write among good ones.
    let bad = Write { key: "contract-missing".into(), target: Target::Id(missing_id(contract, spec)), ..first.write.clone() };
    let batch = [first.write.clone(), bad, second.write.clone()];
    let outcomes =
        write(&*connector, spec, &batch).await.map_err(|error| format!("a batch with one bad write failed as a whole: {error:?}"))?;
    if outcomes.len() != batch.len() {
        return Ok(vec![format!("{} writes were answered by {} outcomes", batch.len(), outcomes.len())]);
    }
    if !matches!(outcomes[1], Outcome::NotDone(_)) {
        problems.push(format!(
            "a write to {} that does not exist must be not done, got {}",
            missing_id(contract, spec),
            shown(&outcomes[1])
        ));
    }
    for (sample, outcome) in [(first, &outcomes[0]), (second, &outcomes[2])] {
        problems.extend(sample.untruth(Some(outcome), &sample.now(&stage, &*connector, spec).await?));
        if matches!(outcome, Outcome::Unknown(_)) {
            problems.push(format!("{}: nothing was lost, yet its fate is called unknown: {}", sample.id, shown(outcome)));
        }
    }
    problems.extend(a_good_write_may_be_repeated(&stage, &*connector, spec, third).await?);
    Ok(problems)
}

/// A good batch is done, and sending it again changes nothing.
async fn a_good_write_may_be_repeated(stage: &Stage<'_>, connector: &dyn Connector, spec: &KindSpec, third: &Sample) -> Found {
    let mut problems = Vec::new();
    let batch = [third.write.clone()];
    let outcomes = write(connector, spec, &batch).await.map_err(|error| format!("a good batch failed: {error:?}"))?;
    if !matches!(outcomes.as_slice(), [Outcome::Done { .. }]) {
        problems.push(format!("{}: a good write must be done, got {outcomes:?}", third.id));
    }
    problems.extend(third.untruth(outcomes.first(), &third.now(stage, connector, spec).await?));
    let again = write(connector, spec, &batch).await.map_err(|error| format!("repeating a good batch failed: {error:?}"))?;
    if !third.is_wanted(&third.now(stage, connector, spec).await?) {
        problems.push(format!("{}: repeating a write undid it; it said {again:?}", third.id));
    }
    Ok(problems)
}

/// One refused upsert among good ones, of a kind that may have no reads.
async fn upserts_answer_for_themselves(contract: &Contract, spec: &KindSpec) -> Found {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples = upserts(&stage, spec, 3)?;
    let [first, second, third] = samples.as_slice() else { return Err("three samples are needed".to_owned()) };
    let bad = refused(&stage, spec)?;
    let batch = [first.write.clone(), bad.write.clone(), second.write.clone()];
    let outcomes =
        write(&*connector, spec, &batch).await.map_err(|error| format!("a batch with one bad write failed as a whole: {error:?}"))?;
    if outcomes.len() != batch.len() {
        return Ok(vec![format!("{} writes were answered by {} outcomes", batch.len(), outcomes.len())]);
    }
    let mut problems = Vec::new();
    if !matches!(outcomes[1], Outcome::NotDone(_)) {
        problems.push(format!("{}: a write the vendor refuses must be not done, got {}", bad.id, shown(&outcomes[1])));
    }
    for (sample, outcome) in [first, &bad, second].into_iter().zip(&outcomes) {
        problems.extend(sample.untruth(Some(outcome), &sample.now(&stage, &*connector, spec).await?));
        if matches!(outcome, Outcome::Unknown(_)) {
            problems.push(format!("{}: nothing was lost, yet its fate is called unknown: {}", sample.id, shown(outcome)));
        }
    }
    problems.extend(a_good_write_may_be_repeated(&stage, &*connector, spec, third).await?);
    Ok(problems)
}

/// A removed record is not there any more.
async fn removed_is_gone(contract: &Contract, spec: &KindSpec) -> Found {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples = updates(&stage, &*connector, spec, 2).await?;
    let batch: Vec<Write> = samples.iter().map(|sample| sample.write.clone()).collect();
    write(&*connector, spec, &batch).await.map_err(|error| format!("writing what shall be removed failed: {error:?}"))?;
    let [gone, kept] = samples.as_slice() else { return Err("two samples are needed".to_owned()) };
    let removal =
        Write { key: "contract-removal".into(), target: Target::Removed(gone.id.clone()), owners: Vec::new(), values: Vec::new() };
    let outcomes = write(&*connector, spec, &[removal]).await.map_err(|error| format!("removing {} failed: {error:?}", gone.id))?;
    let mut problems = Vec::new();
    if !matches!(outcomes.as_slice(), [Outcome::Done { id, created: false }] if *id == gone.id) {
        problems.push(format!("removing {} must be done, got {outcomes:?}", gone.id));
    }
    if is_there(&stage, &*connector, spec, &gone.id).await? {
        problems.push(format!("{} was said to be removed and is there", gone.id));
    }
    if !is_there(&stage, &*connector, spec, &kept.id).await? {
        problems.push(format!("removing {} took {} with it", gone.id, kept.id));
    }
    Ok(problems)
}

async fn is_there(stage: &Stage<'_>, connector: &dyn Connector, spec: &KindSpec, id: &RecordId) -> Result<bool, String> {
    if spec.unreadable.is_some() {
        return row_of(stage, spec, id).map(|row| row.is_some());
    }
    let scan = Scan::ids(spec.kind.clone(), vec![id.clone()]);
    let whole = read_whole(connector, &scan, 1).await.map_err(|error| format!("{error:?}"))?;
    Ok(whole.records.iter().any(|record| record.state != State::Gone))
}

async fn creates_are_there(contract: &Contract, spec: &KindSpec) -> Found {
    let kind = &spec.kind;
    let texts = contract.text.writes.get(kind.as_str()).map(|text| text.create.as_slice()).unwrap_or_default();
    if texts.is_empty() {
        return Err(format!("`{kind}` can be created: give writes.{kind}.create in contract.json"));
    }
    let batch = texts.iter().enumerate().map(|(place, text)| text.write(place)).collect::<Result<Vec<_>, _>>()?;
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let outcomes = write(&*connector, spec, &batch).await.map_err(|error| format!("creating failed: {error:?}"))?;
    let mut problems = Vec::new();
    for (place, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Done { id, created: true } => {
                if !is_there(&stage, &*connector, spec, id).await? {
                    problems.push(format!("create {}: {id} was said to be created and is not there", place + 1));
                }
            }
            other => problems.push(format!("create {}: must be created, got {}", place + 1, shown(other))),
        }
    }
    if outcomes.len() != batch.len() {
        problems.push(format!("{} creates were answered by {} outcomes", batch.len(), outcomes.len()));
    }
    Ok(problems)
}

pub(super) async fn unknown_fate_holds(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    let of_the_vendor = contract.text.write_faults.iter().map(String::as_str);
    let once = MISHAPS.into_iter().chain(of_the_vendor).map(|fault| (fault, ""));
    let mishaps: Vec<(&str, &str)> = once.chain(OUTAGES.map(|fault| (fault, "-"))).collect();
    for spec in contract.kinds(Check::UnknownFate).into_iter().filter(changes_by_id) {
        for (fault, on) in &mishaps {
            let mut effects = 0;
            for request in 0..REQUESTS {
                let Some(run) = one_mishap(contract, &spec, fault, on, request).await? else { break };
                effects += run.effects;
                let place = format!("kind `{}`, request {}{on} of the write meets `{fault}`", spec.kind, request + 1);
                problems.extend(run.problems.into_iter().map(|problem| format!("{place}: {problem}")));
            }
            if *fault == "drop-after" && effects == 0 {
                problems.push(format!("kind `{}`: no lost answer ever was that of the write itself, so nothing was shown", spec.kind));
            }
        }
    }
    Ok(problems)
}

/// Does the kind take changes to a record named by its id?
pub(super) fn changes_by_id(spec: &KindSpec) -> bool {
    spec.verbs.contains(&Verb::Update) || spec.verbs.contains(&Verb::Upsert)
}

struct Run {
    problems: Vec<String>,
    /// Writes that took effect though the answer to this request was lost.
    effects: usize,
}

/// One write of two records in which one request, or each from one on, meets a fault; `None` where the write takes fewer requests.
async fn one_mishap(contract: &Contract, spec: &KindSpec, fault: &str, on: &str, request: u64) -> Result<Option<Run>, String> {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples: Vec<Sample> = updates(&stage, &*connector, spec, 2).await?;
    let number = stage.sim.next_number() + request;
    stage.faults(&format!("{number}{on}:{fault}"))?;
    let batch: Vec<Write> = samples.iter().map(|sample| sample.write.clone()).collect();
    let result = write(&*connector, spec, &batch).await;
    if stage.sim.next_number() <= number {
        return Ok(None);
    }
    stage.faults("")?;
    // A fresh connection sees what the vendor has, whatever the first one believes.
    let reader = stage.connect()?;
    let mut run = Run { problems: Vec::new(), effects: 0 };
    if let Ok(outcomes) = &result
        && outcomes.len() != batch.len()
    {
        run.problems.push(format!("{} writes were answered by {} outcomes", batch.len(), outcomes.len()));
    }
    for (place, sample) in samples.iter().enumerate() {
        let now = sample.now(&stage, &*reader, spec).await?;
        run.effects += usize::from(sample.is_wanted(&now));
        let outcome = result.as_ref().ok().and_then(|outcomes| outcomes.get(place));
        run.problems.extend(sample.untruth(outcome, &now));
    }
    Ok(Some(run))
}

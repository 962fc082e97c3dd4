//! Writing: whatever happens to a call, what the connector says of each write is true.

use rightful_core::{KindSpec, Outcome, Scan, Target, Verb, Write};

use super::samples::{Sample, missing_id, updates, write};
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
        problems.extend(found.into_iter().map(|problem| format!("kind `{}`: {problem}", spec.kind)));
    }
    Ok(problems)
}

async fn updates_answer_for_themselves(contract: &Contract, spec: &KindSpec) -> Found {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples = updates(contract, &*connector, spec, 3).await?;
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
        problems.extend(sample.untruth(Some(outcome), &sample.now(&*connector, spec).await?));
        if matches!(outcome, Outcome::Unknown(_)) {
            problems.push(format!("{}: nothing was lost, yet its fate is called unknown: {}", sample.id, shown(outcome)));
        }
    }
    // A good batch is done, and sending it again changes nothing.
    let batch = [third.write.clone()];
    let outcomes = write(&*connector, spec, &batch).await.map_err(|error| format!("a good batch failed: {error:?}"))?;
    if !matches!(outcomes.as_slice(), [Outcome::Done { .. }]) {
        problems.push(format!("{}: a good write must be done, got {outcomes:?}", third.id));
    }
    problems.extend(third.untruth(outcomes.first(), &third.now(&*connector, spec).await?));
    let again = write(&*connector, spec, &batch).await.map_err(|error| format!("repeating a good batch failed: {error:?}"))?;
    if !third.is_wanted(&third.now(&*connector, spec).await?) {
        problems.push(format!("{}: repeating a write undid it; it said {again:?}", third.id));
    }
    Ok(problems)
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
                let whole =
                    read_whole(&*connector, &Scan::ids(kind.clone(), vec![id.clone()]), 1).await.map_err(|error| format!("{error:?}"))?;
                if whole.records.is_empty() {
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
    for spec in contract.kinds(Check::UnknownFate).into_iter().filter(|spec| spec.verbs.contains(&Verb::Update)) {
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

struct Run {
    problems: Vec<String>,
    /// Writes that took effect though the answer to this request was lost.
    effects: usize,
}

/// One write of two records in which one request, or each from one on, meets a fault; `None` where the write takes fewer requests.
async fn one_mishap(contract: &Contract, spec: &KindSpec, fault: &str, on: &str, request: u64) -> Result<Option<Run>, String> {
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    let samples: Vec<Sample> = updates(contract, &*connector, spec, 2).await?;
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
        let now = sample.now(&*reader, spec).await?;
        run.effects += usize::from(sample.is_wanted(&now));
        let outcome = result.as_ref().ok().and_then(|outcomes| outcomes.get(place));
        run.problems.extend(sample.untruth(outcome, &now));
    }
    Ok(Some(run))
}

//! Writing a customer's rep: one function per customer in batches, and the truth about every item afterwards.
//!
//! - IN-22: what stands there now is read first. A customer that moved since the plan is left alone; one that is as wanted is not written.
//! - Each customer has a function of its own, so that each has a result of its own: the errors of a function with several objects do not
//!   say which object they are about. Functions run independently where the operation is no transaction
//!   [<https://developer.intacct.com/web-services/requests/>].
//! - IN-11: the function's control id comes from the write's key, and `uniqueid` is true: the gateway does not execute it a second time.
//!   For how long it remembers, and how it says so, is *unconfirmed*; whatever is not a plain success is read back.
//! - After an unclear end nothing is sent again: customers are read, and what does not stand as intended is reported as unknown.

use rightful_core::{Error, ErrorKind, Outcome, Owner, Record, RecordId, Response, Result, Target, Write, fingerprint};

use crate::inspect::{result_error, succeeded};
use crate::map::{CUSTOMER, OWNER};
use crate::read::{Reader, is_number};
use crate::wire::{self, Counts, Function, ResultHead};
use crate::xml::{self, Sink};

const OPERATION: &str = "update customers";

/// How one connection writes.
#[derive(Clone, Debug)]
pub struct Writer {
    pub reader: Reader,
    pub batch: usize,
}

/// One write that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    /// Its place in the batch we were given.
    place: usize,
    id: RecordId,
    /// Who owned it when it was planned; `None` where that was not seen.
    from: Option<Vec<String>>,
    /// The rep it shall have; empty for none.
    to: String,
    control_id: String,
}

/// What the answer says of one item.
#[derive(Debug)]
enum Verdict {
    Saved,
    /// Certainly refused, as far as the answer can be trusted.
    Refused(Error),
    /// Neither yes nor no.
    Unclear(Error),
}

impl Writer {
    /// Writes a batch; one outcome per item, in order.
    pub async fn write(&self, batch: &[Write]) -> Result<Vec<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
        let mut items = Vec::with_capacity(batch.len());
        for (place, write) in batch.iter().enumerate() {
            match item(place, write) {
                Ok(item) => items.push(item),
                Err(error) => outcomes[place] = Some(Outcome::NotDone(error)),
            }
        }
        let mut anything_sent = false;
        for chunk in items.chunks(self.batch.max(1)) {
            match self.chunk(chunk, &mut outcomes).await {
                Ok(sent) => anything_sent |= sent,
                // Nothing of this request was applied. Before the first one that concerns the whole batch, later only its own items.
                Err(error) if !anything_sent => return Err(error),
                Err(error) => chunk.iter().for_each(|item| outcomes[item.place] = Some(Outcome::NotDone(error.again()))),
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("every item was refused, or part of a chunk")).collect())
    }

    /// One request and what follows from its answer: whether anything was sent. An error means that nothing was applied.
    async fn chunk(&self, chunk: &[Item], outcomes: &mut [Option<Outcome>]) -> Result<bool> {
        // A lost answer to a read leaves nothing in doubt.
        let before = self.now(chunk).await.map_err(|error| error.fate_unknown(false))?;
        let mut due = Vec::with_capacity(chunk.len());
        for item in chunk {
            match standing(item, find(&before, item)) {
                None => due.push(item.clone()),
                Some(outcome) => outcomes[item.place] = Some(outcome),
            }
        }
        if due.is_empty() {
            return Ok(false);
        }
        let functions: Vec<Function> = due
            .iter()
            .map(|item| Ok(Function::new(item.control_id.clone(), wire::update_rep(item.id.as_str(), &item.to)?)))
            .collect::<Result<_>>()?;
        let verdicts = match self.reader.api.write(OPERATION, &functions).await {
            Ok(response) => verdicts(&response, &due),
            Err(error) if error.is_fate_unknown() => due.iter().map(|_| Verdict::Unclear(error.again())).collect(),
            Err(error) => return Err(error),
        };
        // Whatever is not a plain success is looked at: what it says may be about an earlier attempt.
        let doubtful: Vec<Item> =
            due.iter().zip(&verdicts).filter(|(_, verdict)| !matches!(verdict, Verdict::Saved)).map(|(item, _)| item.clone()).collect();
        let after = if doubtful.is_empty() { Ok(Vec::new()) } else { self.now(&doubtful).await };
        for (item, verdict) in due.iter().zip(verdicts) {
            outcomes[item.place] = Some(outcome(item, verdict, &after));
        }
        Ok(true)
    }

    async fn now(&self, items: &[Item]) -> Result<Vec<Record>> {
        let ids: Vec<RecordId> = items.iter().map(|item| item.id.clone()).collect();
        self.reader.now(&CUSTOMER, &ids).await
    }
}

fn find<'a>(records: &'a [Record], item: &Item) -> Option<&'a Record> {
    records.iter().find(|record| record.id == item.id)
}

fn rep(record: &Record) -> &[String] {
    match record.owner(&OWNER) {
        Owner::Known(reps) => reps,
        Owner::Of { .. } | Owner::Unseen => &[],
    }
}

impl Item {
    fn wanted(&self) -> &[String] {
        if self.to.is_empty() { &[] } else { std::slice::from_ref(&self.to) }
    }

    fn done(&self) -> Outcome {
        Outcome::Done { id: self.id.clone(), created: false }
    }

    fn told(&self, error: Error) -> Error {
        error.operation(OPERATION).context(format!("customer {}", self.id))
    }
}

/// What is known before anything is sent; `None` where the item has to be sent.
fn standing(item: &Item, record: Option<&Record>) -> Option<Outcome> {
    let Some(record) = record else {
        let error = Error::new(ErrorKind::NotFound, "Sage Intacct has no such customer any more");
        return Some(Outcome::NotDone(
            item.told(error.hint("it was deleted or belongs to another entity: run again, so that it is paired anew")),
        ));
    };
    if rep(record) == item.wanted() {
        return Some(Outcome::Unchanged);
    }
    match &item.from {
        Some(from) if from.as_slice() != rep(record) => {
            let error =
                Error::new(ErrorKind::Conflict, format!("the rep is `{}` by now, which the plan did not know", rep(record).join(", ")));
            Some(Outcome::NotDone(item.told(error.hint("run again, so that it is planned anew"))))
        }
        _ => None,
    }
}

/// What became of an item, by what was said and by what stands there now.
fn outcome(item: &Item, verdict: Verdict, after: &Result<Vec<Record>>) -> Outcome {
    let (error, is_certain) = match verdict {
        Verdict::Saved => return item.done(),
        Verdict::Refused(error) => (error, true),
        Verdict::Unclear(error) => (error, false),
    };
    match after {
        Err(unread) => Outcome::Unknown(item.told(unread.again().context("while looking what became of a change").fate_unknown(true))),
        Ok(records) if find(records, item).is_some_and(|record| rep(record) == item.wanted()) => item.done(),
        Ok(_) if is_certain => Outcome::NotDone(item.told(error)),
        Ok(_) => Outcome::Unknown(item.told(error)),
    }
}

/// What an answer says of each item: by its function's result (IN-7), or by its record among those saved (IN-8).
fn verdicts(response: &Response, items: &[Item]) -> Vec<Verdict> {
    let mut saved = Saved::default();
    let envelope = match response.text().and_then(|text| xml::whole(text, &mut saved)) {
        Ok(envelope) => envelope,
        Err(error) => return items.iter().map(|_| Verdict::Unclear(error.again().operation(OPERATION).fate_unknown(true))).collect(),
    };
    let unclear = |item: &Item, what: &str| {
        let error = Error::new(ErrorKind::Protocol, format!("the answer has {what} for the function `{}`", item.control_id));
        Verdict::Unclear(error.hint("run it again; if it stays, report it").fate_unknown(true))
    };
    items
        .iter()
        .map(|item| {
            let mut results = envelope.results.iter().filter(|result| result.control_id == item.control_id);
            match (results.next(), results.next()) {
                (None, _) => unclear(item, "no result"),
                (Some(_), Some(_)) => unclear(item, "two results"),
                (Some(result), None) if succeeded(&result.status) => Verdict::Saved,
                (Some(result), None) if saved.holds(item) => {
                    tracing::debug!(control_id = %result.control_id, "a failed function names the record as saved");
                    Verdict::Saved
                }
                (Some(result), None) => judged(result),
            }
        })
        .collect()
}

/// IN-5: any word but `success` is a failure; only words we know are a refusal.
fn judged(result: &ResultHead) -> Verdict {
    let error = result_error(result);
    let passes = error.kind().is_retryable();
    if matches!(result.status.as_str(), "failure" | "aborted") && !passes {
        Verdict::Refused(error)
    } else {
        Verdict::Unclear(error.fate_unknown(true))
    }
}

/// The records an answer names as saved, by the function that saved them.
#[derive(Default)]
struct Saved {
    present: String,
    numbers: Vec<(String, String)>,
}

impl Saved {
    fn holds(&self, item: &Item) -> bool {
        self.numbers.iter().any(|(control_id, number)| *control_id == item.control_id && *number == item.id.as_str())
    }
}

impl<'a> Sink<'a> for Saved {
    fn data(&mut self, result: &ResultHead, _: Counts) -> Result<()> {
        self.present.clone_from(&result.control_id);
        Ok(())
    }

    fn field(&mut self, name: &str, text: std::borrow::Cow<'a, str>) -> Result<()> {
        if name == crate::map::RECORD_NUMBER {
            self.numbers.push((self.present.clone(), text.trim().to_owned()));
        }
        Ok(())
    }

    fn record(&mut self, _: &str) -> Result<()> {
        Ok(())
    }
}

/// What a write asks for.
fn item(place: usize, write: &Write) -> Result<Item> {
    let unsupported = |what: &str| Error::new(ErrorKind::Unsupported, format!("Sage Intacct's connector cannot {what}"));
    let Target::Id(id) = &write.target else { return Err(unsupported("create customers")) };
    if !write.values.is_empty() {
        return Err(unsupported("change fields, only the rep"));
    }
    let [change] = write.owners.as_slice() else { return Err(unsupported("change anything but the rep")) };
    if change.role != OWNER {
        return Err(unsupported(&format!("change the role `{}`", change.role)));
    }
    if !is_number(id.as_str()) {
        return Err(Error::new(ErrorKind::NotFound, format!("`{id}` is no record number of Sage Intacct's"))
            .hint("run again, so that the record is paired anew"));
    }
    let to = match change.to.as_slice() {
        [] => String::new(),
        [one] if !one.is_empty() && one.chars().all(xml::is_legal) => one.clone(),
        [one] => {
            return Err(Error::new(ErrorKind::Rejected, format!("`{}` is no employee id", one.escape_debug()))
                .hint("name the rep by the EMPLOYEEID"));
        }
        _ => return Err(unsupported("give a customer two reps")),
    };
    // A key stands for one intended change: with the change in the id, even a key used twice cannot hide the second one.
    let control_id = format!("{}-{:016x}", write.key, fingerprint([write.key.as_str(), id.as_str(), to.as_str()]));
    Ok(Item { place, id: id.clone(), from: change.from.clone(), to, control_id })
}

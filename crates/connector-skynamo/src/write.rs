//! Writing owners: whole lists by id in batches, and the truth about every item afterwards.
//!
//! - The vendor sets a list to exactly what is sent, so the full wanted list goes out; PUT would wipe everything not named and is never used.
//! - A 400 names the refused items by place. Whether the others were applied is not documented: they are read, and those that were not
//!   applied are sent once more without the refused ones.
//! - After an unclear end (no answer, 5xx, an answer that cannot be read) nothing is sent again: rows are read, and what does not already
//!   stand as intended is reported as unknown.

use rightful_core::{Error, ErrorKind, Kind, Outcome, Owner, RecordId, Result, Role, Target, Write};

use crate::inspect::Refusal;
use crate::map;
use crate::read::Reader;
use crate::wire::{CustomerPatch, VisitFrequencyPatch};

/// How one connection writes.
#[derive(Clone, Debug)]
pub struct Writer {
    pub reader: Reader,
    pub batch: usize,
}

/// One write that will be sent.
#[derive(Clone, Debug)]
struct Item {
    /// Its place in the batch we were given.
    place: usize,
    id: RecordId,
    number: i64,
    users: Vec<i64>,
    /// The users as owner keys, to compare with what is read.
    keys: Vec<String>,
}

/// How an item stands after a request that was not simply accepted.
enum Standing {
    AsIntended,
    Absent,
    Other,
}

impl Writer {
    /// Writes a batch; one outcome per item, in order.
    pub async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        let role = if *kind == map::CUSTOMER { map::ASSIGNED } else { map::OWNER };
        let mut outcomes: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
        let mut items = Vec::with_capacity(batch.len());
        for (place, write) in batch.iter().enumerate() {
            match item(place, kind, &role, write) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => outcomes[place] = Some(Outcome::Unchanged),
                Err(error) => outcomes[place] = Some(Outcome::NotDone(error)),
            }
        }
        let mut anything_sent = false;
        for chunk in items.chunks(self.batch.max(1)) {
            match self.chunk(kind, &role, chunk, &mut outcomes).await {
                Ok(()) => anything_sent = true,
                // Nothing of this request was applied. Before the first one that concerns the whole batch, later only its own items.
                Err(error) if !anything_sent => return Err(error),
                Err(error) => chunk.iter().for_each(|item| outcomes[item.place] = Some(Outcome::NotDone(error.again()))),
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("every item was refused, unchanged or part of a chunk")).collect())
    }

    /// One request and what follows from its answer. An error means that nothing was applied and no item is to blame.
    async fn chunk(&self, kind: &Kind, role: &Role, chunk: &[Item], outcomes: &mut [Option<Outcome>]) -> Result<()> {
        let error = match self.send(kind, chunk).await {
            Ok(()) => {
                chunk.iter().for_each(|item| outcomes[item.place] = Some(done(item)));
                return Ok(());
            }
            Err(error) => error,
        };
        if error.is_fate_unknown() {
            self.settle_unknown(kind, role, chunk, &error, outcomes).await;
            return Ok(());
        }
        if Refusal::of(&error).is_none() || !matches!(error.kind(), ErrorKind::Rejected | ErrorKind::NotFound) {
            return Err(error);
        }
        let innocent = self.settle_refused(kind, role, chunk, &error, outcomes, true).await;
        if innocent.is_empty() {
            return Ok(());
        }
        // Once more without the refused ones; a second refusal ends it.
        match self.send(kind, &innocent).await {
            Ok(()) => innocent.iter().for_each(|item| outcomes[item.place] = Some(done(item))),
            Err(error) if error.is_fate_unknown() => self.settle_unknown(kind, role, &innocent, &error, outcomes).await,
            Err(error) if Refusal::of(&error).is_some() => {
                self.settle_refused(kind, role, &innocent, &error, outcomes, false).await;
            }
            Err(error) => innocent.iter().for_each(|item| outcomes[item.place] = Some(Outcome::NotDone(error.again()))),
        }
        Ok(())
    }

    async fn send(&self, kind: &Kind, items: &[Item]) -> Result<()> {
        let api = &self.reader.api;
        if *kind == map::CUSTOMER {
            let rows: Vec<CustomerPatch> =
                items.iter().map(|item| CustomerPatch { id: item.number, assigned_users: item.users.clone() }).collect();
            return api.patch("update customers", "customers", &rows).await;
        }
        let rows: Vec<VisitFrequencyPatch> =
            items.iter().filter_map(|item| Some(VisitFrequencyPatch { id: item.number, user_id: *item.users.first()? })).collect();
        api.patch("update visit frequencies", "visitfrequencies", &rows).await
    }

    /// After an unclear end: what stands as intended is done, all else is unknown.
    async fn settle_unknown(&self, kind: &Kind, role: &Role, items: &[Item], error: &Error, outcomes: &mut [Option<Outcome>]) {
        let standings = self.standings(kind, role, items).await.unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            outcomes[item.place] = Some(match standings.get(index) {
                Some(Standing::AsIntended) => done(item),
                Some(Standing::Absent | Standing::Other) | None => Outcome::Unknown(error.again()),
            });
        }
    }

    /// After a refusal: gives back the items that were neither refused nor applied, where `again` lets them be sent once more.
    async fn settle_refused(
        &self,
        kind: &Kind,
        role: &Role,
        items: &[Item],
        error: &Error,
        outcomes: &mut [Option<Outcome>],
        again: bool,
    ) -> Vec<Item> {
        let refusal = Refusal::of(error);
        let words = |index| refusal.and_then(|refusal| refusal.words_for(index));
        // A refusal that blames nobody concerns every item.
        let blames = (0..items.len()).any(|index| words(index).is_some());
        let standings = match self.standings(kind, role, items).await {
            Ok(standings) => standings,
            Err(unread) => {
                let unread = unread.context("while looking whether a refused batch was applied in part");
                items.iter().for_each(|item| outcomes[item.place] = Some(Outcome::Unknown(unread.again())));
                return Vec::new();
            }
        };
        let mut innocent = Vec::new();
        for (index, (item, standing)) in items.iter().zip(&standings).enumerate() {
            outcomes[item.place] = Some(match standing {
                Standing::AsIntended => done(item),
                Standing::Absent => Outcome::NotDone(
                    Error::new(ErrorKind::NotFound, format!("Skynamo has no {kind} {} any more", item.id))
                        .hint("it was merged or removed: run again, so that it is paired anew"),
                ),
                Standing::Other if again && blames && words(index).is_none() => {
                    innocent.push(item.clone());
                    continue;
                }
                Standing::Other => Outcome::NotDone(refused(kind, item, words(index), refusal)),
            });
        }
        innocent
    }

    async fn standings(&self, kind: &Kind, role: &Role, items: &[Item]) -> Result<Vec<Standing>> {
        let ids: Vec<RecordId> = items.iter().map(|item| item.id.clone()).collect();
        let records = self.reader.now(kind, &ids).await?;
        let standing = |item: &Item| match records.iter().find(|record| record.id == item.id) {
            None => Standing::Absent,
            Some(record) if matches!(record.owner(role), Owner::Known(keys) if *keys == item.keys) => Standing::AsIntended,
            Some(_) => Standing::Other,
        };
        Ok(items.iter().map(standing).collect())
    }
}

fn done(item: &Item) -> Outcome {
    Outcome::Done { id: item.id.clone(), created: false }
}

fn refused(kind: &Kind, item: &Item, words: Option<String>, refusal: Option<&Refusal>) -> Error {
    let error = Error::new(ErrorKind::Rejected, "Skynamo refused the change")
        .context(format!("{kind} {}", item.id))
        .hint("see Skynamo's own words; mostly a user in the list does not exist any more");
    match words.or_else(|| refusal.map(ToString::to_string)) {
        Some(words) => error.source(words),
        None => error,
    }
}

/// What a write sends; `None` where it already is so.
fn item(place: usize, kind: &Kind, role: &Role, write: &Write) -> Result<Option<Item>> {
    let unsupported = |what: &str| Error::new(ErrorKind::Unsupported, format!("Skynamo's connector cannot {what}"));
    let Target::Id(id) = &write.target else { return Err(unsupported("create records")) };
    if !write.values.is_empty() {
        return Err(unsupported("change fields, only owners"));
    }
    let [change] = write.owners.as_slice() else { return Err(unsupported("change anything but one role at a time")) };
    if change.role != *role {
        return Err(unsupported(&format!("change the role `{}` of `{kind}`", change.role)));
    }
    let number = map::number(id.as_str()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("`{id}` is no id of Skynamo's")).hint("run again, so that the record is paired anew")
    })?;
    let users: Result<Vec<i64>> = change
        .to
        .iter()
        .map(|user| {
            map::number(user).ok_or_else(|| {
                Error::new(ErrorKind::Rejected, format!("`{user}` is no user id of Skynamo's")).hint("name users by their number")
            })
        })
        .collect();
    let users = users?;
    if *kind == map::VISIT_FREQUENCY && users.len() != 1 {
        return Err(Error::new(ErrorKind::Rejected, "a visit frequency belongs to exactly one user")
            .context(format!("visit frequency {id}"))
            .hint("name one user"));
    }
    let keys = map::user_keys(users.iter().copied());
    if change.from.as_ref().is_some_and(|from| *from == keys) {
        return Ok(None);
    }
    Ok(Some(Item { place, id: id.clone(), number, users, keys }))
}

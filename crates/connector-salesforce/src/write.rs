//! Writing owners: up to 200 records per call, one result each, and the truth about every one afterwards.
//!
//! - Before anything is sent the records and their new owners are read (SF-5): whoever moved a record meanwhile is not written over, and nobody
//!   gets records who is not active, or frozen: `IsActive` stays true for these, `UserLogin` shows it
//!   [<https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_userlogin.htm>]. One query each per
//!   batch.
//! - A collection is not all or nothing: each record has its own result, in order
//!   [<https://developer.salesforce.com/docs/atlas.en-us.236.0.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm>].
//! - Records that somebody held locked are sent once more, together.
//! - What was confirmed is read back (SF-4): a trigger or flow may have given the record to somebody else in the same breath.
//! - After an unclear end nothing is sent again: records are read, and what does not stand as intended is reported as unknown.

use std::collections::BTreeSet;

use rightful_core::{Error, ErrorKind, Kind, Outcome, Owner, Record, RecordId, Result, State, Target, Write};

use crate::api::Sight;
use crate::ids::SfId;
use crate::inspect::{Refusal, item_error};
use crate::objects::{OWNER, Object, USER};
use crate::read::{Reader, chunks};
use crate::soql::{Comparison, Condition, Literal, Name, OneOrMore, Query, Select};
use crate::wire;

/// What Salesforce says of an object or field that the user we are may not see.
const HIDDEN: [&str; 3] = ["INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS"];

/// How one connection writes.
#[derive(Clone, Debug)]
pub struct Writer {
    pub reader: Reader,
    /// May records be given to users who are frozen? Then nobody asks who is.
    pub frozen_owners: bool,
}

/// One write that will be sent.
#[derive(Clone, Debug)]
struct Item {
    /// Its place in the batch we were given.
    place: usize,
    id: SfId,
    from: Option<Vec<String>>,
    to: SfId,
}

impl Item {
    fn is_as_intended(&self, record: &Record) -> bool {
        matches!(record.owner(&OWNER), Owner::Known(people) if people.as_slice() == [self.to.as_str()])
    }
}

impl Writer {
    /// Writes a batch; one outcome per item, in order.
    pub async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        let object = self.reader.object(kind)?;
        if !object.owned {
            return Err(Error::new(ErrorKind::Unsupported, format!("Salesforce's connector does not write `{kind}`"))
                .hint("change it in Salesforce itself"));
        }
        let mut outcomes: Vec<Option<Outcome>> = batch.iter().map(|_| None).collect();
        let mut items = Vec::with_capacity(batch.len());
        for (place, write) in batch.iter().enumerate() {
            match item(place, write) {
                Ok(item) => items.push(item),
                Err(error) => outcomes[place] = Some(Outcome::NotDone(error.context(format!("{kind} of item {}", place + 1)))),
            }
        }
        let items = self.still_wanted(object, items, &mut outcomes).await?;
        if !items.is_empty() {
            self.send(object, items, &mut outcomes).await?;
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("every item was refused, unchanged or sent")).collect())
    }

    /// The items that are to be sent; for all others the outcome is known. An error means that nothing was sent.
    async fn still_wanted(&self, object: &Object, items: Vec<Item>, outcomes: &mut [Option<Outcome>]) -> Result<Vec<Item>> {
        if items.is_empty() {
            return Ok(items);
        }
        let people: BTreeSet<&SfId> = items.iter().map(|item| &item.to).collect();
        let people: Vec<RecordId> = people.into_iter().map(|id| RecordId::new(id.as_str())).collect();
        let users = self.reader.object(&USER)?;
        let (records, users, frozen) =
            futures::future::try_join3(self.present(object, &items), self.reader.now(users, &people), self.frozen(&people)).await?;
        let mut wanted = Vec::with_capacity(items.len());
        for item in items {
            match judged(object, &item, &records, &users, &frozen) {
                None => wanted.push(item),
                Some(outcome) => outcomes[item.place] = Some(outcome),
            }
        }
        Ok(wanted)
    }

    /// Which of these users are frozen. Nobody, as far as we know, where we may not see it.
    async fn frozen(&self, people: &[RecordId]) -> Result<BTreeSet<SfId>> {
        let mut frozen = BTreeSet::new();
        if self.frozen_owners {
            return Ok(frozen);
        }
        let (user, is_frozen) = (Name::known("UserId"), Name::known("IsFrozen"));
        let ids: Vec<Literal> = people.iter().filter_map(|id| SfId::parse(id.as_str())).map(|id| Literal::id(&id)).collect();
        for (from, to) in chunks(&ids) {
            let Some(some) = OneOrMore::of(ids[from..to].to_vec()) else { continue };
            let query = Query::new(Select::Fields(vec![user.clone()]), Name::known("UserLogin"))
                .and(Condition::Compare(is_frozen.clone(), Comparison::Is, Literal::boolean(true)))
                .and(Condition::In(user.clone(), some));
            match self.reader.api.texts("frozen users", Sight::Present, &query, user.as_str()).await {
                Ok(found) => frozen.extend(found.iter().filter_map(|id| SfId::parse(id))),
                // The object is not there for who may not manage users.
                Err(error) if Refusal::of(&error).is_some_and(|refusal| HIDDEN.contains(&refusal.code.as_str())) => return Ok(frozen),
                Err(error) => return Err(error),
            }
        }
        Ok(frozen)
    }

    async fn present(&self, object: &Object, items: &[Item]) -> Result<Vec<Record>> {
        let ids: Vec<RecordId> = items.iter().map(|item| RecordId::new(item.id.as_str())).collect();
        self.reader.now(object, &ids).await
    }

    /// Sends items and answers for each. An error means that nothing was applied and no item is to blame.
    async fn send(&self, object: &Object, items: Vec<Item>, outcomes: &mut [Option<Outcome>]) -> Result<()> {
        let locked = match self.collection(object, &items, outcomes).await {
            Ok(locked) => locked,
            Err(error) if error.is_fate_unknown() => {
                self.settle_unknown(object, &items, &error, outcomes).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !locked.is_empty() {
            // What is locked a second time stays for the next run, with the outcome it has.
            match self.collection(object, &locked, outcomes).await {
                Ok(_) => {}
                Err(error) if error.is_fate_unknown() => self.settle_unknown(object, &locked, &error, outcomes).await,
                Err(error) => locked.iter().for_each(|item| outcomes[item.place] = Some(Outcome::NotDone(error.again()))),
            }
        }
        self.read_back(object, &items, outcomes).await;
        Ok(())
    }

    /// One call. Gives back the items that somebody held locked.
    async fn collection(&self, object: &Object, items: &[Item], outcomes: &mut [Option<Outcome>]) -> Result<Vec<Item>> {
        let attributes = wire::Attributes { object: object.name.as_str() };
        let records = items.iter().map(|item| wire::OwnerPatch { attributes, id: item.id.as_str(), owner: item.to.as_str() }).collect();
        let results = self.reader.api.update(records).await?;
        let mut locked = Vec::new();
        for (item, saved) in items.iter().zip(results) {
            outcomes[item.place] = Some(outcome(object, item, saved));
            if let Some(Outcome::NotDone(error)) = &outcomes[item.place]
                && Refusal::of(error).is_some_and(|refusal| refusal.code == "UNABLE_TO_LOCK_ROW")
            {
                locked.push(item.clone());
            }
        }
        Ok(locked)
    }

    /// After an unclear end: what stands as intended is done, all else is unknown.
    async fn settle_unknown(&self, object: &Object, items: &[Item], error: &Error, outcomes: &mut [Option<Outcome>]) {
        let records = self.present(object, items).await.unwrap_or_default();
        for item in items {
            outcomes[item.place] = Some(match find(&records, &item.id) {
                Some(record) if item.is_as_intended(record) => done(item),
                _ => Outcome::Unknown(error.again()),
            });
        }
    }

    /// Looks whether what was confirmed stayed so. Where that cannot be seen, the confirmation stands.
    async fn read_back(&self, object: &Object, items: &[Item], outcomes: &mut [Option<Outcome>]) {
        let confirmed: Vec<Item> =
            items.iter().filter(|item| matches!(outcomes[item.place], Some(Outcome::Done { .. }))).cloned().collect();
        if confirmed.is_empty() {
            return;
        }
        let Ok(records) = self.present(object, &confirmed).await else { return };
        for item in &confirmed {
            if let Some(record) = find(&records, &item.id)
                && matches!(record.owner(&OWNER), Owner::Known(_))
                && !item.is_as_intended(record)
            {
                outcomes[item.place] = Some(Outcome::NotDone(
                    Error::new(ErrorKind::Conflict, "Salesforce took the change, and then the record got another owner")
                        .context(format!("{} {}", object.kind, item.id))
                        .hint("look for a trigger, a flow or a rule that sets the owner"),
                ));
            }
        }
    }
}

fn find<'a>(records: &'a [Record], id: &SfId) -> Option<&'a Record> {
    records.iter().find(|record| record.id == id.as_str())
}

/// What is known of an item before anything is sent; `None`: it is to be sent.
fn judged(object: &Object, item: &Item, records: &[Record], users: &[Record], frozen: &BTreeSet<SfId>) -> Option<Outcome> {
    let refuse = |kind, message: String, hint: &str| {
        Some(Outcome::NotDone(Error::new(kind, message).context(format!("{} {}", object.kind, item.id)).hint(hint)))
    };
    let Some(record) = find(records, &item.id) else {
        return refuse(ErrorKind::NotFound, "Salesforce shows no such record any more".to_owned(), "run again, so that it is paired anew");
    };
    if item.is_as_intended(record) {
        return Some(Outcome::Unchanged);
    }
    if let (Some(from), Owner::Known(now)) = (&item.from, record.owner(&OWNER))
        && from != now
    {
        return refuse(
            ErrorKind::Conflict,
            "somebody else gave the record another owner meanwhile".to_owned(),
            "run again, and decide anew",
        );
    }
    if record.state == State::Inactive {
        return refuse(ErrorKind::Rejected, "a converted lead cannot be changed".to_owned(), "change the contact it became");
    }
    match find(users, &item.to).and_then(|user| user.person.as_ref()) {
        Some(person) if person.active && frozen.contains(&item.to) => {
            refuse(ErrorKind::Rejected, format!("user {} is frozen", item.to), "choose another user, or set `frozen_owners = true`")
        }
        Some(person) if person.active => None,
        Some(_) => refuse(ErrorKind::Rejected, format!("user {} is not active", item.to), "choose an active user"),
        None => refuse(
            ErrorKind::Rejected,
            format!("there is no user {} of type Standard", item.to),
            "choose another user; the user we sign in as must be allowed to see it",
        ),
    }
}

fn done(item: &Item) -> Outcome {
    Outcome::Done { id: RecordId::new(item.id.as_str()), created: false }
}

/// What one result says. `success` comes first: the other members are not to be trusted where it is false.
fn outcome(object: &Object, item: &Item, saved: wire::Saved) -> Outcome {
    if saved.success {
        return match saved.id.as_deref().map(SfId::parse) {
            Some(Some(id)) if id == item.id => done(item),
            _ => Outcome::Unknown(
                Error::new(ErrorKind::Protocol, "a result came for another record than the one that was sent")
                    .context(format!("{} {}", object.kind, item.id))
                    .hint("report it"),
            ),
        };
    }
    let context = format!("{} {}", object.kind, item.id);
    Outcome::NotDone(match Refusal::first(saved.errors) {
        Some(refusal) => item_error(refusal).context(context),
        None => {
            Error::new(ErrorKind::Rejected, "Salesforce refused the change without a word").context(context).hint("try it in Salesforce")
        }
    })
}

/// What a write sends.
fn item(place: usize, write: &Write) -> Result<Item> {
    let unsupported = |what: &str| {
        Error::new(ErrorKind::Unsupported, format!("Salesforce's connector cannot {what}"))
            .hint("change only the role `owner` of records that exist")
    };
    let Target::Id(id) = &write.target else { return Err(unsupported("create records")) };
    if !write.values.is_empty() {
        return Err(unsupported("change fields"));
    }
    let [change] = write.owners.as_slice() else { return Err(unsupported("change anything but one role at a time")) };
    if change.role != OWNER {
        return Err(unsupported(&format!("change the role `{}`", change.role)));
    }
    let id = SfId::parse(id.as_str()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("`{id}` is no id of Salesforce's")).hint("run again, so that the record is paired anew")
    })?;
    let [to] = change.to.as_slice() else {
        return Err(Error::new(ErrorKind::Rejected, "a record belongs to exactly one user").hint("name one user"));
    };
    let to = SfId::parse(to).filter(SfId::is_user).ok_or_else(|| {
        Error::new(ErrorKind::Rejected, format!("`{to}` is no user id of Salesforce's")).hint("name a user by an id that begins with 005")
    })?;
    // Ids in the form of 15 characters are the same users.
    let from =
        change.from.as_ref().map(|people| people.iter().map(|id| SfId::parse(id).map_or_else(|| id.clone(), String::from)).collect());
    Ok(Item { place, id, from, to })
}

#[cfg(test)]
mod tests {
    use rightful_core::{FieldChange, OwnerChange, Person};

    use super::*;
    use crate::objects::standard;
    use crate::soql::Name;

    const RECORD: &str = "001Qk00000AbXyZIAV";
    const USER_ONE: &str = "005Qk000003mNoPIAU";

    fn account() -> Object {
        standard(Name::known("AccountNumber")).into_iter().find(|object| object.kind == "account").unwrap()
    }

    fn user(number: u32) -> SfId {
        SfId::parse(&format!("005Qk00000{number:05}")).unwrap()
    }

    fn to(from: Option<&[&str]>, to: &[&str]) -> Write {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Write {
            key: "w1".into(),
            target: Target::Id(RECORD.into()),
            owners: vec![OwnerChange { role: OWNER, from: from.map(texts), to: texts(to) }],
            values: Vec::new(),
        }
    }

    #[test]
    fn only_one_user_by_id_can_be_written() {
        assert_eq!(item(0, &to(Some(&["005Qk000003mNoP"]), &["005Qk000003mNoP"])).unwrap().from.unwrap(), [USER_ONE]);
        let refused = |write: Write| item(0, &write).unwrap_err().kind();
        assert_eq!(refused(to(None, &[])), ErrorKind::Rejected);
        assert_eq!(refused(to(None, &["nadia"])), ErrorKind::Rejected);
        assert_eq!(refused(to(None, &["00GQk000003mNoP"])), ErrorKind::Rejected);
        assert_eq!(refused(Write { target: Target::New, ..to(None, &[USER_ONE]) }), ErrorKind::Unsupported);
        assert_eq!(refused(Write { target: Target::Id("' OR '".into()), ..to(None, &[USER_ONE]) }), ErrorKind::NotFound);
        assert_eq!(refused(Write { values: vec![("Name".into(), FieldChange::Clear)], ..to(None, &[USER_ONE]) }), ErrorKind::Unsupported);
    }

    fn record(id: &str, owner: Owner, person: Option<Person>) -> Record {
        Record {
            id: id.into(),
            keys: Vec::new(),
            name: String::new(),
            owners: vec![(OWNER, owner)],
            person,
            values: Vec::new(),
            changed_at: None,
            state: State::Active,
        }
    }

    #[test]
    fn sf_5_what_moved_and_who_is_gone_is_seen_before_anything_is_sent() {
        let (one, two, three) = (user(1), user(2), user(3));
        let owned_by = |id: &SfId| Owner::Known(vec![id.to_string()]);
        let person = |active| Some(Person { active, ..Person::default() });
        let users = [
            record(one.as_str(), Owner::Unseen, person(true)),
            record(two.as_str(), Owner::Unseen, person(false)),
            record(user(5).as_str(), Owner::Unseen, person(true)),
        ];
        let kind = |from: Option<&SfId>, to: &SfId, records: &[Record]| {
            let from = from.map(|id| vec![id.to_string()]);
            let item = Item { place: 0, id: SfId::parse(RECORD).unwrap(), from, to: to.clone() };
            match judged(&account(), &item, records, &users, &BTreeSet::from([user(5)])) {
                None => "sent".to_owned(),
                Some(Outcome::NotDone(error)) => error.kind().to_string(),
                Some(other) => format!("{other:?}"),
            }
        };
        let stands = |owner| vec![record(RECORD, owner, None)];
        for (from, to, records, wanted) in [
            (Some(&three), &one, stands(owned_by(&three)), "sent"),
            (None, &one, stands(owned_by(&three)), "sent"),
            (Some(&three), &one, stands(Owner::Unseen), "sent"),
            (Some(&three), &one, stands(owned_by(&one)), "Unchanged"),
            (Some(&three), &one, stands(owned_by(&two)), "conflict"),
            (Some(&three), &one, Vec::new(), "not-found"),
            (Some(&three), &two, stands(owned_by(&three)), "rejected"),
            (Some(&three), &user(4), stands(owned_by(&three)), "rejected"),
            (Some(&three), &user(5), stands(owned_by(&three)), "rejected"),
            (Some(&three), &user(5), stands(owned_by(&user(5))), "Unchanged"),
        ] {
            assert_eq!(kind(from, to, &records), wanted, "{from:?} {to:?} {records:?}");
        }
    }

    #[test]
    fn sf_6_a_result_is_one_records_and_its_code_stays() {
        let item = item(0, &to(None, &[USER_ONE])).unwrap();
        let of = |json: &str| outcome(&account(), &item, serde_json::from_str(json).unwrap());
        assert!(matches!(of(&format!(r#"{{"id":"{RECORD}","success":true,"errors":[]}}"#)), Outcome::Done { created: false, .. }));
        assert!(matches!(of(r#"{"id":"001Qk00000AbXzZIAV","success":true,"errors":[]}"#), Outcome::Unknown(_)));
        for (code, wanted) in [
            ("INACTIVE_OWNER_OR_USER", ErrorKind::Rejected),
            ("TRANSFER_REQUIRES_READ", ErrorKind::Forbidden),
            ("INVALID_CROSS_REFERENCE_KEY", ErrorKind::Rejected),
            ("MALFORMED_ID", ErrorKind::Rejected),
            ("INSUFFICIENT_ACCESS_OR_READONLY", ErrorKind::Forbidden),
            ("OP_WITH_INVALID_USER_TYPE_EXCEPTION", ErrorKind::Rejected),
            ("ENTITY_IS_LOCKED", ErrorKind::Conflict),
            ("ENTITY_IS_DELETED", ErrorKind::NotFound),
            ("UNABLE_TO_LOCK_ROW", ErrorKind::Unavailable),
            ("CANNOT_UPDATE_CONVERTED_LEAD", ErrorKind::Rejected),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", ErrorKind::Rejected),
            ("A_CODE_OF_NEXT_YEAR", ErrorKind::Rejected),
        ] {
            let json = format!(r#"{{"success":false,"errors":[{{"statusCode":"{code}","message":"words","fields":["OwnerId"]}}]}}"#);
            let Outcome::NotDone(error) = of(&json) else { panic!("{code}") };
            assert_eq!((error.kind(), Refusal::of(&error).unwrap().code.as_str()), (wanted, code));
        }
    }
}

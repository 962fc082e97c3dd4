//! Refuses what a connector does not declare, before any request, and what it declares but does not keep.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Changes, Connector, Cursor, Error, ErrorKind, FieldChange, Finding, Kind, KindSpec, Outcome, Owner, Page, Purpose, Record, Result,
    Rows, Scan, Target, Verb, Write, nearest,
};

/// A connector behind its own declarations.
#[derive(Clone, Debug)]
pub struct Guarded(Arc<dyn Connector>);

impl Guarded {
    /// Guards a connector.
    pub fn new(connector: Arc<dyn Connector>) -> Self {
        Self(connector)
    }

    fn spec(&self, kind: &Kind) -> Result<&KindSpec> {
        let kinds = self.0.kinds();
        kinds.iter().find(|spec| spec.kind == *kind).ok_or_else(|| {
            undeclared(format!("this connection has no kind `{kind}`"), kind.as_str(), kinds.iter().map(|spec| spec.kind.as_str()), "kinds")
        })
    }
}

#[async_trait]
impl Connector for Guarded {
    fn kinds(&self) -> &[KindSpec] {
        self.0.kinds()
    }

    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        let (Purpose::Read(kinds) | Purpose::Write(kinds)) = purpose;
        for kind in kinds {
            self.spec(kind)?;
        }
        self.0.preflight(purpose).await
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let spec = self.spec(&scan.kind)?;
        check_scan(spec, scan)?;
        let mut page = self.0.read(scan, from).await?;
        for record in &mut page.items {
            check_record(spec, scan, record)?;
        }
        Ok(page)
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        let spec = self.spec(kind)?;
        check_batch(spec, batch)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        match self.0.write(kind, batch).await {
            Ok(outcomes) if outcomes.len() == batch.len() => Ok(outcomes),
            Ok(outcomes) => {
                let error =
                    Error::new(ErrorKind::Protocol, format!("the connector answered for {} of {} items", outcomes.len(), batch.len()))
                        .operation(format!("write {kind}"))
                        .hint("report it: this is a fault of the connector");
                Ok(everyone_unknown(batch, &error))
            }
            // An outer error means that nothing was sent. Where that is not certain, each item answers for itself.
            Err(error) if error.is_fate_unknown() => Ok(everyone_unknown(batch, &error)),
            Err(error) => Err(error),
        }
    }
}

fn everyone_unknown(batch: &[Write], error: &Error) -> Vec<Outcome> {
    batch.iter().map(|_| Outcome::Unknown(error.again())).collect()
}

fn check_scan(spec: &KindSpec, scan: &Scan) -> Result<()> {
    if let Some(why) = spec.unreadable {
        return Err(Error::new(ErrorKind::Unsupported, format!("`{}` cannot be read: {why}", spec.kind))
            .hint("what it holds is known from what was written to it and from what a person states"));
    }
    match &scan.rows {
        Rows::All | Rows::Ids(_) => {}
        Rows::Since(_) if spec.changes == Changes::None => {
            return Err(Error::new(ErrorKind::Unsupported, format!("`{}` cannot be read by what changed", spec.kind))
                .hint("read all of it; the store finds out what changed"));
        }
        Rows::Since(_) => {}
        Rows::Keys(key, _) => {
            if !spec.readable_keys.contains(key) {
                let known = spec.readable_keys.iter().map(|key| key.as_str());
                return Err(undeclared(
                    format!("`{}` cannot be read by key `{key}`", spec.kind),
                    key.as_str(),
                    known,
                    "keys it can be read by",
                ));
            }
        }
    }
    for field in &scan.fields {
        check_field(spec, field.as_str())?;
    }
    Ok(())
}

fn check_field(spec: &KindSpec, field: &str) -> Result<()> {
    if spec.open_fields || spec.fields.iter().any(|known| known.name == field) {
        return Ok(());
    }
    let known = spec.fields.iter().map(|field| field.name.as_str());
    Err(undeclared(format!("`{}` has no field `{field}`", spec.kind), field, known, "fields"))
}

/// Holds a record to the declarations; owners are put in order, without repeats.
fn check_record(spec: &KindSpec, scan: &Scan, record: &mut Record) -> Result<()> {
    let broken = |what: String| {
        Error::new(ErrorKind::Protocol, format!("the connector broke its own declarations: {what}"))
            .operation(format!("read {}", spec.kind))
            .context(format!("{} {}", spec.kind, record.id))
            .hint("report it: this is a fault of the connector")
    };
    if record.values.len() != scan.fields.len() {
        return Err(broken(format!("{} values for {} fields", record.values.len(), scan.fields.len())));
    }
    if record.person.is_some() != spec.people {
        return Err(broken(format!("a record {} a person", if spec.people { "of a people kind is not" } else { "of no people kind is" })));
    }
    if let Some(key) = record.keys.iter().find(|key| spec.key(&key.name).is_none()) {
        return Err(broken(format!("key `{}` is not declared", key.name)));
    }
    for (role, owner) in &record.owners {
        let Some(declared) = spec.role(role) else { return Err(broken(format!("role `{role}` is not declared"))) };
        if let Owner::Known(people) = owner
            && !declared.many
            && people.iter().any(|person| *person != people[0])
        {
            return Err(broken(format!("several people have role `{role}`, which is for one")));
        }
    }
    for (_, owner) in &mut record.owners {
        if let Owner::Known(people) = owner
            && !people.is_sorted_by(|left, right| left < right)
        {
            people.sort_unstable();
            people.dedup();
        }
    }
    Ok(())
}

fn check_batch(spec: &KindSpec, batch: &[Write]) -> Result<()> {
    if batch.len() > spec.batch {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{} changes of `{}` at once are more than a call takes", batch.len(), spec.kind),
        )
        .hint(format!("send at most {} at once", spec.batch)));
    }
    batch.iter().try_for_each(|write| check_write(spec, write).map_err(|error| error.operation(format!("write {}", spec.kind))))
}

fn check_write(spec: &KindSpec, write: &Write) -> Result<()> {
    let verb = match write.target {
        Target::New => Verb::Create,
        Target::Id(_) if spec.verbs.contains(&Verb::Upsert) => Verb::Upsert,
        Target::Id(_) => Verb::Update,
        Target::Removed(_) => Verb::Remove,
    };
    if !spec.verbs.contains(&verb) {
        let can: Vec<&str> = spec.verbs.iter().map(|verb| verb_word(*verb)).collect();
        let hint = if can.is_empty() { "it is read only".to_owned() } else { format!("it takes: {}", can.join(", ")) };
        return Err(Error::new(ErrorKind::Unsupported, format!("`{}` takes no {}", spec.kind, verb_word(verb))).hint(hint));
    }
    if verb == Verb::Remove && !(write.owners.is_empty() && write.values.is_empty()) {
        return Err(Error::new(ErrorKind::Rejected, format!("a write that removes a `{}` changes nothing else", spec.kind))
            .hint("leave its owners and fields out"));
    }
    for (index, change) in write.owners.iter().enumerate() {
        let role = &change.role;
        let Some(declared) = spec.role(role) else {
            let known = spec.roles.iter().map(|spec| spec.role.as_str());
            return Err(undeclared(format!("`{}` has no role `{role}`", spec.kind), role.as_str(), known, "roles"));
        };
        if !declared.writable {
            let writable = spec.roles.iter().filter(|spec| spec.writable).map(|spec| spec.role.as_str());
            return Err(undeclared(
                format!("role `{role}` of `{}` cannot be written", spec.kind),
                role.as_str(),
                writable,
                "writable roles",
            ));
        }
        if !declared.many && change.to.len() > 1 {
            return Err(Error::new(ErrorKind::Unsupported, format!("role `{role}` of `{}` is for one person", spec.kind))
                .hint(format!("choose one of the {}", change.to.len())));
        }
        if !change.to.is_sorted_by(|left, right| left < right) {
            return Err(Error::new(ErrorKind::Rejected, format!("the people for role `{role}` are not in order, or repeat"))
                .hint("sort them and drop repeats"));
        }
        if write.owners[..index].iter().any(|earlier| earlier.role == *role) {
            return Err(Error::new(ErrorKind::Rejected, format!("one write changes role `{role}` twice")).hint("join the changes"));
        }
    }
    for (field, change) in &write.values {
        check_field(spec, field.as_str())?;
        if spec.field(field).is_some_and(|declared| !declared.writable) {
            let writable = spec.fields.iter().filter(|field| field.writable).map(|field| field.name.as_str());
            let verb = if matches!(change, FieldChange::Clear) { "cleared" } else { "set" };
            return Err(undeclared(
                format!("field `{field}` of `{}` cannot be {verb}", spec.kind),
                field.as_str(),
                writable,
                "writable fields",
            ));
        }
    }
    Ok(())
}

fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Upsert => "upsert",
        Verb::Remove => "remove",
        Verb::Deactivate => "deactivate",
    }
}

/// `Unsupported` with the nearest declared thing as a hint, or else the list of them.
fn undeclared<'a>(message: String, word: &str, known: impl IntoIterator<Item = &'a str>, plural: &str) -> Error {
    let known: Vec<&str> = known.into_iter().filter(|known| *known != word).collect();
    let hint = match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there are no {plural}"),
        None => format!("{plural}: {}", known.join(", ")),
    };
    Error::new(ErrorKind::Unsupported, message).hint(hint)
}

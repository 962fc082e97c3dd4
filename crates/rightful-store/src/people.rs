//! People: links, picks, switches, and what is known of those whom their vendor does not show.

use rightful_core::{ConnectionName, FieldName, Kind, RecordId, Result};
use rightful_engine::{Authorship, Fact, How, KnownPerson, Link, Linked, NewFacts, Pick, Switch};
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::{Value as Json, json};

use crate::audit::authored;
use crate::codec::{data, from_word, text, word};
use crate::database::{instant, stamp, told};

/// How many people a line of the audit log names one by one.
const NAMED: usize = 20;

/// People for a line of the audit log: who they are, or how many.
fn named<'a>(people: impl ExactSizeIterator<Item = &'a RecordId>) -> Json {
    if people.len() > NAMED { people.len().into() } else { people.map(RecordId::as_str).collect() }
}

fn by(row: &Row<'_>, from: usize) -> rusqlite::Result<Authorship> {
    Ok(Authorship { author: row.get(from)?, reason: row.get(from + 1)?, at: instant(row.get(from + 2)?) })
}

// --- links -----------------------------------------------------------------------------------------------------------------------

const LINKS: &str = "SELECT source, person, target, owner, evidence, by_value, author, reason, at FROM link";

fn found(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Link>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let text = |index: usize| row.get::<_, String>(index).map_err(told);
        found.push(Link {
            source: text(0)?.into(),
            person: text(1)?.into(),
            target: text(2)?.into(),
            owner: text(3)?,
            evidence: from_word(text(4)?)?,
            by_value: row.get(5).map_err(told)?,
            by: by(row, 6).map_err(told)?,
        });
    }
    Ok(found)
}

pub(crate) fn links(connection: &Connection, source: &ConnectionName, target: &ConnectionName) -> Result<Vec<Link>> {
    let mut select = connection.prepare_cached(&format!("{LINKS} WHERE source = ?1 AND target = ?2 ORDER BY person")).map_err(told)?;
    found(select.query([source.as_str(), target.as_str()]).map_err(told)?)
}

pub(crate) fn links_of(
    connection: &Connection,
    source: &ConnectionName,
    target: &ConnectionName,
    people: &[RecordId],
) -> Result<Vec<Link>> {
    let mut select = connection
        .prepare_cached(&format!(
            "{LINKS} WHERE source = ?1 AND target = ?2 AND person IN (SELECT value FROM json_each(?3)) ORDER BY person"
        ))
        .map_err(told)?;
    found(select.query([source.as_str(), target.as_str(), &text(people)]).map_err(told)?)
}

/// The link whose column (`person` or `owner`) holds this.
fn link_of(connection: &Connection, link: &Link, column: &str, value: &str) -> Result<Option<Link>> {
    let mut select = connection.prepare_cached(&format!("{LINKS} WHERE source = ?1 AND target = ?2 AND {column} = ?3")).map_err(told)?;
    Ok(found(select.query([link.source.as_str(), link.target.as_str(), value]).map_err(told)?)?.pop())
}

/// Makes a link where it can be made.
pub(crate) fn put_link(tx: &Transaction<'_>, link: &Link, replace: bool) -> Result<Linked> {
    let known = link_of(tx, link, "person", link.person.as_str())?;
    match known {
        Some(known) if known.owner == link.owner => return Ok(Linked::Stood),
        Some(known) if !replace => return Ok(Linked::Other(known)),
        _ => {}
    }
    if let Some(taken) = link_of(tx, link, "owner", &link.owner)? {
        return Ok(Linked::Taken(taken));
    }
    tx.prepare_cached(
        "INSERT INTO link (source, target, person, owner, evidence, by_value, author, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (source, target, person) DO UPDATE SET owner = excluded.owner, evidence = excluded.evidence,
            by_value = excluded.by_value, author = excluded.author, reason = excluded.reason, at = excluded.at",
    )
    .and_then(|mut upsert| {
        upsert.execute(params![
            link.source.as_str(),
            link.target.as_str(),
            link.person.as_str(),
            link.owner,
            link.evidence.as_str(),
            link.by_value,
            link.by.author,
            link.by.reason,
            stamp(link.by.at),
        ])
    })
    .map_err(told)?;
    Ok(Linked::Made)
}

pub(crate) fn link(tx: &Transaction<'_>, link: &Link, replace: bool) -> Result<Linked> {
    let before = link_of(tx, link, "person", link.person.as_str())?;
    let linked = put_link(tx, link, replace)?;
    if linked == Linked::Made {
        let before = before.map(|before| before.owner);
        let detail = json!({ "source": link.source.as_str(), "person": link.person.as_str(), "owner": link.owner, "before": before });
        authored(tx, "link.add", link.target.as_str(), &link.by, detail)?;
    }
    Ok(linked)
}

pub(crate) fn put_links(tx: &Transaction<'_>, links: &[Link]) -> Result<Vec<Linked>> {
    links.iter().map(|link| put_link(tx, link, false)).collect()
}

pub(crate) fn unlink(
    tx: &Transaction<'_>,
    source: &ConnectionName,
    person: &RecordId,
    target: &ConnectionName,
    by: &Authorship,
) -> Result<Option<Link>> {
    let removed = {
        let mut delete = tx
            .prepare_cached(
                "DELETE FROM link WHERE source = ?1 AND target = ?2 AND person = ?3
                 RETURNING source, person, target, owner, evidence, by_value, author, reason, at",
            )
            .map_err(told)?;
        found(delete.query([source.as_str(), target.as_str(), person.as_str()]).map_err(told)?)?.pop()
    };
    if let Some(link) = &removed {
        let detail = json!({ "source": source.as_str(), "person": person.as_str(), "owner": link.owner });
        authored(tx, "link.remove", target.as_str(), by, detail)?;
    }
    Ok(removed)
}

// --- picks and switches ----------------------------------------------------------------------------------------------------------

pub(crate) fn picks(connection: &Connection, integration: &str) -> Result<Vec<Pick>> {
    let mut select = connection
        .prepare_cached("SELECT person, choice, author, reason, at FROM pick WHERE integration = ?1 ORDER BY person")
        .map_err(told)?;
    let rows = select
        .query_map([integration], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, by(row, 2)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(told)?;
    rows.into_iter().map(|(person, choice, by)| Ok(Pick { person: person.into(), choice: from_word(choice)?, by })).collect()
}

pub(crate) fn pick(tx: &Transaction<'_>, integration: &str, picks: &[Pick]) -> Result<()> {
    let mut upsert = tx
        .prepare_cached(
            "INSERT INTO pick (integration, person, choice, author, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (integration, person) DO UPDATE SET
                choice = excluded.choice, author = excluded.author, reason = excluded.reason, at = excluded.at",
        )
        .map_err(told)?;
    for pick in picks {
        let Pick { person, choice, by } = pick;
        upsert.execute(params![integration, person.as_str(), word(choice), by.author, by.reason, stamp(by.at)]).map_err(told)?;
    }
    // One line for what one person picked alike.
    for alike in picks.chunk_by(|one, other| one.choice == other.choice && one.by == other.by) {
        let detail = json!({ "choice": alike[0].choice, "people": named(alike.iter().map(|pick| &pick.person)) });
        authored(tx, "people.pick", integration, &alike[0].by, detail)?;
    }
    Ok(())
}

pub(crate) fn unpick(tx: &Transaction<'_>, integration: &str, people: &[RecordId], by: &Authorship) -> Result<u64> {
    let removed: Vec<RecordId> = tx
        .prepare_cached("DELETE FROM pick WHERE integration = ?1 AND person IN (SELECT value FROM json_each(?2)) RETURNING person")
        .and_then(|mut delete| {
            delete.query_map([integration, &text(people)], |row| Ok(row.get::<_, String>(0)?.into()))?.collect::<rusqlite::Result<_>>()
        })
        .map_err(told)?;
    if !removed.is_empty() {
        authored(tx, "people.unpick", integration, by, json!({ "people": named(removed.iter()) }))?;
    }
    Ok(removed.len() as u64)
}

pub(crate) fn switches(connection: &Connection, integration: &str) -> Result<Vec<Switch>> {
    connection
        .prepare_cached("SELECT name, is_on, author, reason, at FROM switch WHERE integration = ?1 ORDER BY name")
        .and_then(|mut select| {
            select.query_map([integration], |row| Ok(Switch { name: row.get(0)?, on: row.get(1)?, by: by(row, 2)? }))?.collect()
        })
        .map_err(told)
}

pub(crate) fn switch(tx: &Transaction<'_>, integration: &str, switch: &Switch) -> Result<()> {
    let Switch { name, on, by } = switch;
    tx.prepare_cached(
        "INSERT INTO switch (integration, name, is_on, author, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (integration, name) DO UPDATE SET
            is_on = excluded.is_on, author = excluded.author, reason = excluded.reason, at = excluded.at",
    )
    .and_then(|mut upsert| upsert.execute(params![integration, name, on, by.author, by.reason, stamp(by.at)]))
    .map_err(told)?;
    authored(tx, if *on { "switch.on" } else { "switch.off" }, integration, by, json!({ "name": name }))
}

// --- facts -----------------------------------------------------------------------------------------------------------------------

fn fact(row: &Row<'_>) -> Result<Fact> {
    let value = row.get_ref(1).and_then(|value| Ok(value.as_str()?)).map_err(told)?;
    Ok(Fact {
        field: FieldName::new(row.get::<_, String>(0).map_err(told)?),
        value: data(value)?,
        how: from_word::<How>(row.get(2).map_err(told)?)?,
        at: instant(row.get(3).map_err(told)?),
        by: row.get(4).map_err(told)?,
    })
}

const KNOWN: &str = "SELECT field, value, how, at, author, person FROM fact WHERE connection = ?1 AND kind = ?2 AND stands = 1";

pub(crate) fn known_people(connection: &Connection, of: &ConnectionName, kind: &Kind) -> Result<Vec<KnownPerson>> {
    let mut select = connection.prepare_cached(&format!("{KNOWN} ORDER BY person, field")).map_err(told)?;
    known(select.query([of.as_str(), kind.as_str()]).map_err(told)?)
}

pub(crate) fn known_people_of(connection: &Connection, of: &ConnectionName, kind: &Kind, people: &[RecordId]) -> Result<Vec<KnownPerson>> {
    let mut select = connection
        .prepare_cached(&format!("{KNOWN} AND person IN (SELECT value FROM json_each(?3)) ORDER BY person, field"))
        .map_err(told)?;
    known(select.query([of.as_str(), kind.as_str(), &text(people)]).map_err(told)?)
}

/// Facts in the order of their people, gathered by person.
fn known(mut rows: rusqlite::Rows<'_>) -> Result<Vec<KnownPerson>> {
    let mut people: Vec<KnownPerson> = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let id = row.get_ref(5).and_then(|id| Ok(id.as_str()?)).map_err(told)?;
        match people.last_mut().filter(|person| person.id == *id) {
            Some(person) => person.facts.push(fact(row)?),
            None => people.push(KnownPerson { id: id.into(), facts: vec![fact(row)?] }),
        }
    }
    Ok(people)
}

/// Notes facts, and of how many people something differs.
pub(crate) fn put_facts(tx: &Transaction<'_>, of: &ConnectionName, kind: &Kind, people: &[NewFacts]) -> Result<u64> {
    let mut again = tx
        .prepare_cached(
            "UPDATE fact SET how = ?6, at = ?7, author = ?8
             WHERE connection = ?1 AND kind = ?2 AND person = ?3 AND field = ?4 AND stands = 1 AND value = ?5",
        )
        .map_err(told)?;
    let mut end = tx
        .prepare_cached("UPDATE fact SET stands = 0 WHERE connection = ?1 AND kind = ?2 AND person = ?3 AND field = ?4 AND stands = 1")
        .map_err(told)?;
    let mut insert = tx
        .prepare_cached(
            "INSERT INTO fact (connection, kind, person, field, value, how, at, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .map_err(told)?;
    let (of, kind) = (of.as_str(), kind.as_str());
    let mut differing = 0;
    for new in people {
        let person = new.id.as_str();
        let mut differs = match &new.was {
            Some(was) if *was != new.id => become_theirs(tx, of, kind, was.as_str(), person)?,
            _ => false,
        };
        for fact in &new.facts {
            let (field, value, how, at) = (fact.field.as_str(), text(&fact.value), fact.how.as_str(), stamp(fact.at));
            let line = params![of, kind, person, field, value, how, at, fact.by];
            if again.execute(line).map_err(told)? == 0 {
                differs = true;
                end.execute([of, kind, person, field]).map_err(told)?;
                insert.execute(line).map_err(told)?;
            }
        }
        differing += u64::from(differs);
    }
    Ok(differing)
}

/// The facts of somebody known so far as another become this person's, where they have none of their own. Were there any?
fn become_theirs(tx: &Transaction<'_>, of: &str, kind: &str, was: &str, person: &str) -> Result<bool> {
    let moved = tx
        .prepare_cached(
            "UPDATE fact SET person = ?4 WHERE connection = ?1 AND kind = ?2 AND person = ?3 AND field NOT IN
                (SELECT field FROM fact WHERE connection = ?1 AND kind = ?2 AND person = ?4)",
        )
        .and_then(|mut update| update.execute([of, kind, was, person]))
        .map_err(told)?;
    let left = tx
        .prepare_cached("DELETE FROM fact WHERE connection = ?1 AND kind = ?2 AND person = ?3")
        .and_then(|mut delete| delete.execute([of, kind, was]))
        .map_err(told)?;
    Ok(moved + left > 0)
}

/// Notes facts that a person brought.
pub(crate) fn bring_facts(tx: &Transaction<'_>, of: &ConnectionName, kind: &Kind, people: &[NewFacts], by: &Authorship) -> Result<u64> {
    let differing = put_facts(tx, of, kind, people)?;
    if !people.is_empty() {
        let detail = json!({ "kind": kind.as_str(), "people": named(people.iter().map(|new| &new.id)), "differing": differing });
        authored(tx, "people.note", of.as_str(), by, detail)?;
    }
    Ok(differing)
}

pub(crate) fn fact_history(connection: &Connection, of: &ConnectionName, kind: &Kind, person: &RecordId, field: &str) -> Result<Vec<Fact>> {
    let mut select = connection
        .prepare_cached(
            "SELECT field, value, how, at, author FROM fact
             WHERE connection = ?1 AND kind = ?2 AND person = ?3 AND field = ?4 ORDER BY id",
        )
        .map_err(told)?;
    let mut rows = select.query([of.as_str(), kind.as_str(), person.as_str(), field]).map_err(told)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        found.push(fact(row)?);
    }
    Ok(found)
}

//! The floor of a full read of accounts with their people: four ranges of ids side by side, by pages of queries or by query jobs.

use std::time::Duration;

use futures::future::{try_join, try_join_all};
use serde::Deserialize;

use super::salesforce::{Organisation, Row, page};
use super::{Sink, keep};
use crate::vendors::salesforce::ids::{ACCOUNT, id, number};

/// Ranges side by side, as our connector has them unless told otherwise.
const RANGES: usize = 4;

/// Rows of one page of a job's results.
const JOB_PAGE: &str = "5000";

/// How long our connector waits before it first looks at a job: no job of the vendor's is done at once.
const FIRST_LOOK: Duration = Duration::from_millis(500);

const SCHEMA: &str =
    "CREATE TABLE account (id TEXT PRIMARY KEY, name TEXT, modified TEXT, owner TEXT, number TEXT, type TEXT) WITHOUT ROWID;
     CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT, modified TEXT, username TEXT, email TEXT, active INTEGER) WITHOUT ROWID;";

const FIELDS: &str = "Id, Name, SystemModstamp, OwnerId, AccountNumber, Type";

/// How accounts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Rest,
    Bulk,
}

/// A row on its way to the database.
enum Kept {
    Account([String; 6]),
    User([String; 5], bool),
}

impl Kept {
    fn account(row: &Row<'_>) -> Self {
        let texts = [&row.id, &row.name, &row.system_modstamp, &row.owner_id, &row.account_number, &row.r#type];
        Self::Account(texts.map(|text| text.clone().into_owned()))
    }

    fn user(row: &Row<'_>) -> Self {
        let texts = [&row.id, &row.name, &row.system_modstamp, &row.username, &row.email];
        Self::User(texts.map(|text| text.clone().into_owned()), row.is_active)
    }
}

fn insert(transaction: &rusqlite::Transaction<'_>, rows: Vec<Kept>) -> rusqlite::Result<()> {
    let mut account = transaction.prepare_cached("INSERT OR REPLACE INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut user = transaction.prepare_cached("INSERT OR REPLACE INTO user VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for row in rows {
        match row {
            Kept::Account(texts) => account.execute(rusqlite::params_from_iter(texts))?,
            Kept::User([id, name, modified, username, email], active) => user.execute((id, name, modified, username, email, active))?,
        };
    }
    Ok(())
}

/// Reads accounts and users; how many accounts there were.
pub async fn run(origin: &str, way: Way, store: bool) -> Result<usize, String> {
    let (sink, writer) = keep(store, SCHEMA, insert);
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let organisation = Organisation::sign_in(client, origin).await?;
    let accounts = read(&organisation, way, &sink).await?;
    drop(sink);
    writer.end()?;
    Ok(accounts)
}

async fn read(organisation: &Organisation, way: Way, sink: &Sink<Kept>) -> Result<usize, String> {
    const USERS: &str = "FROM User WHERE UserType = 'Standard'";
    organisation.get("sobjects/User/describe", &[]).await?;
    let (total, _) = counted(organisation, "User", USERS).await?;
    let users = organisation
        .query(
            "query",
            &format!("SELECT Id, Name, SystemModstamp, Username, Email, FederationIdentifier, EmployeeNumber, IsActive, FirstName, LastName {USERS}"),
        )
        .await?;
    let users = page(&users)?;
    if users.records.len() != total {
        return Err(format!("{} of {total} users came on the first page", users.records.len()));
    }
    keep_all(sink, &users.records, Kept::user)?;

    let (total, bounds) = counted(organisation, "Account", "FROM Account").await?;
    organisation.get("sobjects/Account/describe", &[]).await?;
    let conditions = ranges(bounds).into_iter().map(|condition| async move {
        match way {
            Way::Rest => by_pages(organisation, &condition, sink).await,
            Way::Bulk => by_job(organisation, &condition, sink).await,
        }
    });
    let read: usize = try_join_all(conditions).await?.into_iter().sum();
    if read == total { Ok(read) } else { Err(format!("{read} of {total} accounts were read")) }
}

/// What our connector asks before it reads: how many, the newest stamp, and of many rows both ends.
async fn counted(organisation: &Organisation, object: &str, from: &str) -> Result<(usize, Option<(usize, usize)>), String> {
    let newest = format!("SELECT SystemModstamp {from} ORDER BY SystemModstamp DESC LIMIT 1");
    let count = format!("SELECT COUNT() {from}");
    let resource = if object == "User" { "query" } else { "queryAll" };
    let (count, _) = try_join(organisation.query("query", &count), organisation.query(resource, &newest)).await?;
    let count = page(&count)?.total_size;
    if object == "User" {
        return Ok((count, None));
    }
    let (lowest, highest) = (format!("SELECT Id {from} ORDER BY Id LIMIT 1"), format!("SELECT Id {from} ORDER BY Id DESC LIMIT 1"));
    let (lowest, highest) = try_join(organisation.query("query", &lowest), organisation.query("query", &highest)).await?;
    let of = |body: &[u8]| -> Result<Option<usize>, String> { Ok(page(body)?.records.first().and_then(|row| number(&row.id))) };
    Ok((count, of(&lowest)?.zip(of(&highest)?)))
}

/// Conditions that hold every id once.
fn ranges(bounds: Option<(usize, usize)>) -> Vec<String> {
    let Some((low, high)) = bounds else { return vec![String::new()] };
    let border = |step: usize| id(ACCOUNT, low + (high - low) * step / RANGES);
    let above = |step: usize| (step > 0).then(|| format!("Id > '{}'", border(step)));
    let up_to = |step: usize| (step + 1 < RANGES).then(|| format!("Id <= '{}'", border(step + 1)));
    let condition = |step: usize| above(step).into_iter().chain(up_to(step)).collect::<Vec<_>>().join(" AND ");
    (0..RANGES).map(|step| format!(" WHERE {}", condition(step))).collect()
}

fn keep_all<R>(sink: &Sink<Kept>, rows: &[R], kept: fn(&R) -> Kept) -> Result<(), String> {
    match sink {
        Some(sink) => sink.send(rows.iter().map(kept).collect()).map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

async fn by_pages(organisation: &Organisation, condition: &str, sink: &Sink<Kept>) -> Result<usize, String> {
    let mut body = organisation.query("query", &format!("SELECT {FIELDS} FROM Account{condition}")).await?;
    let mut count = 0;
    loop {
        let next = {
            let page = page(&body)?;
            count += page.records.len();
            keep_all(sink, &page.records, Kept::account)?;
            page.next_records_url.as_deref().and_then(|url| url.rsplit('/').next()).map(str::to_owned)
        };
        match next {
            Some(locator) => body = organisation.get(&format!("query/{locator}"), &[]).await?,
            None => return Ok(count),
        }
    }
}

#[derive(Deserialize)]
struct Job {
    id: String,
    state: String,
}

async fn by_job(organisation: &Organisation, condition: &str, sink: &Sink<Kept>) -> Result<usize, String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let query = format!("SELECT {FIELDS} FROM Account{condition}");
    let begun =
        serde_json::json!({ "operation": "query", "query": query, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF" });
    let begun = organisation.send_json(reqwest::Method::POST, "jobs/query", &begun).await?;
    let Job { id, .. } = serde_json::from_slice(&begun).map_err(|error| failed(&error))?;
    tokio::time::sleep(FIRST_LOOK).await;
    let job: Job = serde_json::from_slice(&organisation.get(&format!("jobs/query/{id}"), &[]).await?).map_err(|error| failed(&error))?;
    if job.state != "JobComplete" {
        return Err(format!("job {id} is {}", job.state));
    }
    let (mut count, mut locator) = (0, String::new());
    loop {
        let mut parameters = vec![("maxRecords", JOB_PAGE)];
        if !locator.is_empty() {
            parameters.push(("locator", &locator));
        }
        let answer =
            organisation.send(organisation.request(reqwest::Method::GET, &format!("jobs/query/{id}/results"), &parameters)?).await?;
        let next = answer.headers().get("sforce-locator").and_then(|next| next.to_str().ok()).unwrap_or("null").to_owned();
        let body = answer.bytes().await.map_err(|error| failed(&error))?;
        count += csv_rows(&body, sink)?;
        if next == "null" {
            return Ok(count);
        }
        locator = next;
    }
}

fn csv_rows(body: &[u8], sink: &Sink<Kept>) -> Result<usize, String> {
    let mut reader = csv::Reader::from_reader(body);
    let mut row = csv::StringRecord::new();
    let (mut count, mut kept) = (0, Vec::new());
    while reader.read_record(&mut row).map_err(|error| error.to_string())? {
        count += 1;
        if sink.is_some() {
            kept.push(Kept::Account(std::array::from_fn(|at| row.get(at).unwrap_or_default().to_owned())));
        }
    }
    if let Some(sink) = sink {
        sink.send(kept).map_err(|error| error.to_string())?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_every_id_once() {
        for (low, high) in [(1, 1_000), (1, 4), (7, 7), (1, 2)] {
            let bounds: Vec<(usize, usize)> = ranges(Some((low, high)))
                .iter()
                .map(|condition| {
                    let at = |operator: &str| condition.split(operator).nth(1).and_then(|rest| number(rest.split('\'').nth(1)?));
                    (at("Id > ").unwrap_or(0), at("Id <= ").unwrap_or(usize::MAX))
                })
                .collect();
            for id in low..=high {
                assert_eq!(
                    bounds.iter().filter(|(above, up_to)| id > *above && id <= *up_to).count(),
                    1,
                    "{id} of {low} to {high}: {bounds:?}"
                );
            }
        }
    }
}

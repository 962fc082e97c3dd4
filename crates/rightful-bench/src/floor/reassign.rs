//! The floor of giving accounts to other users: reads which customers changed, finds their accounts, and changes owners in collections.

use chrono::{Duration, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

use super::rep_codes::post;
use super::salesforce::{Organisation, page};
use crate::vendors::salesforce::ids::{USER, id};
use crate::vendors::world::{World, code};

/// Customers per request.
const PAGE: usize = 2_000;
/// Accounts per collection: the vendor's most.
const COLLECTION: usize = 200;
/// Collections side by side, as the job has them.
const WIDTH: usize = 2;

/// A customer whose rep changed.
#[derive(Default)]
struct Changed {
    number: String,
    modified: String,
    customer: String,
    rep: String,
}

#[derive(Deserialize)]
struct Saved {
    success: bool,
}

/// Gives the accounts of customers that changed today to the users whom their reps stand for; how many.
pub async fn run(intacct: &str, salesforce: &str, world: World) -> Result<usize, String> {
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let changed = changed(&client, intacct).await?;
    let organisation = Organisation::sign_in(client, salesforce).await?;
    let owners: std::collections::HashMap<String, String> = (0..world.codes).map(|rep| (code(rep), id(USER, world.user(rep)))).collect();
    let collections = changed.chunks(COLLECTION).map(|chunk| give(&organisation, chunk, &owners));
    let given: Vec<usize> = futures::stream::iter(collections).buffer_unordered(WIDTH).try_collect().await?;
    Ok(given.into_iter().sum())
}

async fn changed(client: &reqwest::Client, url: &str) -> Result<Vec<Changed>, String> {
    post(client, url, "<getAPISession/>", None).await?;
    let since = (Utc::now() - Duration::days(1)).format("%m/%d/%Y %H:%M:%S");
    let mut filter = format!("<greaterthanorequalto><field>WHENMODIFIED</field><value>{since}</value></greaterthanorequalto>");
    let mut all = Vec::new();
    loop {
        let fields = ["RECORDNO", "WHENMODIFIED", "CUSTOMERID", "CUSTREPID"].map(|field| format!("<field>{field}</field>")).concat();
        let query = format!(
            "<query><object>CUSTOMER</object><select>{fields}</select><filter>{filter}</filter><orderby><order><field>WHENMODIFIED</field><ascending/></order><order><field>RECORDNO</field><ascending/></order></orderby><pagesize>{PAGE}</pagesize></query>"
        );
        let rows = rows(&post(client, url, &query, Some("s")).await?)?;
        let count = rows.len();
        all.extend(rows);
        let Some(last) = all.last().filter(|_| count == PAGE) else { return Ok(all) };
        filter = format!(
            "<or><and><equalto><field>WHENMODIFIED</field><value>{0}</value></equalto><greaterthan><field>RECORDNO</field><value>{1}</value></greaterthan></and><greaterthan><field>WHENMODIFIED</field><value>{0}</value></greaterthan></or>",
            last.modified, last.number
        );
    }
}

fn rows(body: &[u8]) -> Result<Vec<Changed>, String> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).map_err(|error| error.to_string())?);
    let (mut rows, mut row, mut inside) = (Vec::new(), Changed::default(), String::new());
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => inside = start.name().as_ref().to_owned(),
            Event::Text(text) => match inside.as_str() {
                "RECORDNO" => row.number = text.to_string(),
                "WHENMODIFIED" => row.modified = text.to_string(),
                "CUSTOMERID" => row.customer = text.to_string(),
                "CUSTREPID" => row.rep = text.to_string(),
                _ => {}
            },
            Event::End(end) if end.name().as_ref() == "CUSTOMER" => rows.push(std::mem::take(&mut row)),
            Event::Eof => return Ok(rows),
            _ => {}
        }
    }
}

fn listed<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!("'{text}'")).collect::<Vec<_>>().join(",")
}

/// One collection, with the looks before and after it that the job takes as well.
async fn give(organisation: &Organisation, chunk: &[Changed], owners: &std::collections::HashMap<String, String>) -> Result<usize, String> {
    let numbers = listed(chunk.iter().map(|changed| changed.customer.as_str()));
    let found = organisation
        .query("query", &format!("SELECT Id, Name, SystemModstamp, OwnerId, AccountNumber FROM Account WHERE AccountNumber IN ({numbers})"))
        .await?;
    let wanted: std::collections::HashMap<&str, &str> =
        chunk.iter().filter_map(|changed| Some((changed.customer.as_str(), owners.get(&changed.rep)?.as_str()))).collect();
    let found = page(&found)?;
    let patches: Vec<(&str, &str)> = found.records.iter().filter_map(|row| Some((&*row.id, *wanted.get(&*row.account_number)?))).collect();
    let people: std::collections::BTreeSet<&str> = patches.iter().map(|(_, owner)| *owner).collect();
    let asked = listed(people.iter().copied());
    let users = organisation
        .query("query", &format!("SELECT Id, Name, IsActive FROM User WHERE UserType = 'Standard' AND Id IN ({asked})"))
        .await?;
    let frozen =
        organisation.query("query", &format!("SELECT UserId FROM UserLogin WHERE IsFrozen = true AND UserId IN ({asked})")).await?;
    if !page(&frozen)?.records.is_empty() {
        return Err("a new owner is frozen".to_owned());
    }
    if page(&users)?.records.iter().filter(|user| user.is_active).count() != people.len() {
        return Err("a new owner is not active".to_owned());
    }
    let records: Vec<serde_json::Value> =
        patches.iter().map(|(id, owner)| serde_json::json!({ "attributes": { "type": "Account" }, "id": id, "OwnerId": owner })).collect();
    let body = serde_json::json!({ "allOrNone": false, "records": records });
    let saved = organisation.send_json(reqwest::Method::PATCH, "composite/sobjects", &body).await?;
    let saved: Vec<Saved> = serde_json::from_slice(&saved).map_err(|error| error.to_string())?;
    let ids = listed(patches.iter().map(|(id, _)| *id));
    let now = organisation.query("query", &format!("SELECT Id, Name, SystemModstamp, OwnerId FROM Account WHERE Id IN ({ids})")).await?;
    let owned: std::collections::HashMap<&str, &str> = patches.iter().copied().collect();
    let right = page(&now)?.records.iter().filter(|row| owned.get(&*row.id) == Some(&&*row.owner_id)).count();
    if right == chunk.len() && saved.iter().all(|saved| saved.success) {
        Ok(right)
    } else {
        Err(format!("{right} of {} were given", chunk.len()))
    }
}

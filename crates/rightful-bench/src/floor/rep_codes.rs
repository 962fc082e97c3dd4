//! The floor of the rep-codes job: reads Sage Intacct and Skynamo as the job does.

use futures::StreamExt as _;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

use super::{Sink, keep};

/// Customers per request at Sage Intacct: the vendor's most.
const INTACCT_PAGE: usize = 2_000;

/// Customers per request at Skynamo: the vendor's most.
const SKYNAMO_PAGE: usize = 200;

/// Requests side by side at Skynamo.
const WIDTH: usize = 16;

/// The fields the job selects.
const FIELDS: [&str; 6] = ["RECORDNO", "WHENMODIFIED", "STATUS", "CUSTOMERID", "NAME", "CUSTREPID"];

const SCHEMA: &str =
    "CREATE TABLE intacct (recordno TEXT PRIMARY KEY, modified TEXT, status TEXT, customerid TEXT, name TEXT, rep TEXT) WITHOUT ROWID;
     CREATE TABLE skynamo (id INTEGER PRIMARY KEY, code TEXT, name TEXT, active INTEGER, users TEXT, version INTEGER);";

/// A row on its way to the database, or only counted.
enum Row {
    Intacct(Vec<String>),
    Skynamo { id: i64, code: String, name: String, active: bool, users: String, version: i64 },
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Customer<'a>>,
    page: Count,
}

#[derive(Deserialize)]
struct Count {
    total_item_count: usize,
}

#[derive(Deserialize)]
struct Customer<'a> {
    id: i64,
    #[serde(borrow)]
    code: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    active: bool,
    assigned_users: Vec<i64>,
    row_version: i64,
}

/// Reads both vendors; prints how many rows there were.
pub async fn run(intacct: &str, skynamo: &str, store: bool) -> Result<(), String> {
    let (sink, writer) = keep(store, SCHEMA, insert);
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let left = read_intacct(&client, intacct, sink.clone()).await?;
    let right = read_skynamo(&client, skynamo, sink).await?;
    writer.end()?;
    crate::print_line(&serde_json::json!({"intacct": left, "skynamo": right}))
}

pub(super) async fn post(client: &reqwest::Client, url: &str, function: &str, session: Option<&str>) -> Result<bytes::Bytes, String> {
    let sign_in = session.map_or_else(
        || "<login><userid>bench</userid><companyid>BENCH</companyid><password>x</password></login>".to_owned(),
        |session| format!("<sessionid>{session}</sessionid>"),
    );
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><request><control><senderid>bench</senderid><password>x</password><controlid>floor</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>\
         <operation><authentication>{sign_in}</authentication><content><function controlid=\"f\">{function}</function></content></operation></request>"
    );
    let answer = client.post(url).header("content-type", "application/xml").body(body).send().await.map_err(|error| error.to_string())?;
    answer.bytes().await.map_err(|error| error.to_string())
}

/// Two ranges of record numbers side by side: what the default tier bears.
async fn read_intacct(client: &reqwest::Client, url: &str, store: Sink<Row>) -> Result<usize, String> {
    post(client, url, "<getAPISession/>", None).await?;
    let bounds = post(client, url, "<query><object>CUSTOMER</object><select><max>RECORDNO</max></select></query>", Some("s")).await?;
    let text = String::from_utf8_lossy(&bounds);
    let most: usize = text
        .split("<MAX.RECORDNO>")
        .nth(1)
        .and_then(|rest| rest.split('<').next()?.parse().ok())
        .ok_or_else(|| "no MAX.RECORDNO".to_owned())?;
    let half = most / 2;
    let range = |from: usize, to: usize| {
        let store = store.clone();
        async move {
            let (mut at, mut count) = (from, 0);
            loop {
                let fields: String = FIELDS.iter().map(|field| format!("<field>{field}</field>")).collect();
                let query = format!(
                    "<query><object>CUSTOMER</object><select>{fields}</select><filter><and><greaterthan><field>RECORDNO</field><value>{at}</value></greaterthan><lessthanorequalto><field>RECORDNO</field><value>{to}</value></lessthanorequalto></and></filter><orderby><order><field>RECORDNO</field><ascending/></order></orderby><pagesize>{INTACCT_PAGE}</pagesize></query>"
                );
                let answer = post(client, url, &query, Some("s")).await?;
                let (rows, seen, last) = parse_customers(&answer, store.is_some())?;
                count += seen;
                if let Some(store) = &store {
                    store.send(rows).map_err(|error| error.to_string())?;
                }
                if seen < INTACCT_PAGE {
                    return Ok::<usize, String>(count);
                }
                at = last;
            }
        }
    };
    let (left, right) = futures::future::try_join(range(0, half), range(half, most)).await?;
    Ok(left + right)
}

/// Events only: counts `<CUSTOMER>`, and keeps the texts where they are to be stored.
fn parse_customers(body: &[u8], keep: bool) -> Result<(Vec<Row>, usize, usize), String> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).map_err(|error| error.to_string())?);
    let (mut rows, mut seen, mut last) = (Vec::new(), 0, 0);
    let mut fields: Vec<String> = Vec::new();
    let (mut inside, mut number) = (false, false);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => match start.name().as_ref() {
                "CUSTOMER" => inside = true,
                name => number = name == "RECORDNO",
            },
            Event::Text(text) if inside => {
                let raw: &str = &text;
                if number {
                    last = raw.parse().unwrap_or(last);
                    number = false;
                }
                if keep {
                    fields.push(raw.to_owned());
                }
            }
            Event::End(end) if end.name().as_ref() == "CUSTOMER" => {
                seen += 1;
                inside = false;
                if keep {
                    rows.push(Row::Intacct(std::mem::take(&mut fields)));
                }
            }
            Event::Eof => return Ok((rows, seen, last)),
            _ => {}
        }
    }
}

async fn read_skynamo(client: &reqwest::Client, base: &str, store: Sink<Row>) -> Result<usize, String> {
    let page = |number: usize| {
        let store = store.clone();
        async move {
            let url = format!("{base}/customers?page_number={number}&page_size={SKYNAMO_PAGE}&flags=show_nulls");
            let answer =
                client.get(url).header("x-api-key", "x").header("x-api-client", "bench").send().await.map_err(|error| error.to_string())?;
            let body = answer.bytes().await.map_err(|error| error.to_string())?;
            let page: Page = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            if let Some(store) = store {
                let rows = page
                    .data
                    .iter()
                    .map(|customer| Row::Skynamo {
                        id: customer.id,
                        code: customer.code.clone().into_owned(),
                        name: customer.name.clone().into_owned(),
                        active: customer.active,
                        users: customer.assigned_users.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
                        version: customer.row_version,
                    })
                    .collect();
                store.send(rows).map_err(|error| error.to_string())?;
            }
            Ok::<(usize, usize), String>((page.data.len(), page.page.total_item_count))
        }
    };
    let (mut count, total) = page(1).await?;
    let mut rest = futures::stream::iter((2..=total.div_ceil(SKYNAMO_PAGE)).map(page)).buffer_unordered(WIDTH);
    while let Some(read) = rest.next().await {
        count += read?.0;
    }
    Ok(count)
}

fn insert(transaction: &rusqlite::Transaction<'_>, rows: Vec<Row>) -> rusqlite::Result<()> {
    let mut left = transaction.prepare_cached("INSERT OR REPLACE INTO intacct VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut right = transaction.prepare_cached("INSERT OR REPLACE INTO skynamo VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for row in rows {
        match row {
            Row::Intacct(fields) => left.execute(rusqlite::params_from_iter(fields))?,
            Row::Skynamo { id, code, name, active, users, version } => right.execute((id, code, name, active, users, version))?,
        };
    }
    Ok(())
}

//! Reading very many rows: query jobs of Bulk API 2.0, their results page by page.
//!
//! - **Side by side:** one job per range of ids; the results of each are read one page after the other, so several pages are under way at once.
//! - **Results:** CSV with a head line, at most so many rows per page as asked for. `Sforce-Locator` leads to the next page; on the last one it is
//!   the word `null` [<https://developer.salesforce.com/docs/platform/api-asynch/guide/query-get-job-results.md>].
//! - **Waiting:** a cursor that stands for a running job waits before it looks, longer each time, and gives itself back.
//! - **Objects that jobs cannot read** are read by pages instead [<https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.html>].

use std::borrow::Cow;
use std::time::Duration;

use rightful_core::{Error, ErrorKind, Page, Record, Response, Result, Scan};

use crate::ids::SfId;
use crate::inspect::Refusal;
use crate::map::{self, Shape};
use crate::objects::Object;
use crate::read::{Part, Place, Reader, cursor, operation, query, sight};

/// Rows of one page: what a page takes in memory is bounded by it.
const PAGE: u64 = 5_000;

/// The longest locator that is kept.
const LONGEST_LOCATOR: usize = 500;

/// How often a job is looked at: about two hours.
const MOST_LOOKS: u32 = 250;

/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Begins the job of a part; where jobs cannot read the object, its first page instead.
pub async fn begin(reader: &Reader, scan: &Scan, object: &Object, part: &Part, shape: &Shape) -> Result<Page> {
    let job = match reader.api.new_job(sight(object, false), &query(object, part, shape)).await {
        Ok(job) => job,
        Err(error) if is_for_pages_only(&error) => {
            tracing::debug!(operation = operation(object), "query jobs cannot read this object; it is read by pages");
            let place = Place::Part { part: part.clone(), shape: shape.clone() };
            return Ok(Page { next: vec![cursor(scan, &place)], ..Page::default() });
        }
        Err(error) => return Err(error),
    };
    let id = SfId::parse(&job.id)
        .ok_or_else(|| Error::new(ErrorKind::Protocol, "the query job has no readable id").operation("query job").hint("report it"))?;
    Ok(Page { next: vec![cursor(scan, &Place::Job { id, looks: 0, shape: shape.clone() })], ..Page::default() })
}

/// Does the vendor say that jobs are not for such a query?
fn is_for_pages_only(error: &Error) -> bool {
    let Some(refusal) = Refusal::of(error) else { return false };
    refusal.code == "INVALIDENTITY"
        || refusal.message.contains("not supported by the Bulk API")
        || refusal.message.contains("in Bulk Query")
}

/// Looks at a job after a wait: its results once it is complete, else the same place again.
pub async fn look(reader: &Reader, scan: &Scan, object: &Object, id: &SfId, looks: u32, shape: Shape) -> Result<Page> {
    reader.api.client.context().clock.sleep(wait(looks)).await;
    let job = reader.api.job(id).await?;
    match state(&job.state)? {
        State::Complete => rows(reader, scan, object, id, None, shape).await,
        State::Running if looks < MOST_LOOKS => {
            let place = Place::Job { id: id.clone(), looks: looks + 1, shape };
            Ok(Page { next: vec![cursor(scan, &place)], ..Page::default() })
        }
        State::Running => Err(Error::new(ErrorKind::Unavailable, "the query job does not come to its end")
            .operation("query job")
            .context(format!("job {id}"))
            .hint("look at Bulk Data Load Jobs in Setup; raise `bulk_from` to read by pages instead")),
        State::Aborted => Err(Error::new(ErrorKind::Restart, "somebody aborted the query job")
            .operation("query job")
            .context(format!("job {id}"))
            .hint("start the read again")),
        State::Failed => {
            let error = Error::new(ErrorKind::Unavailable, "the query job failed")
                .operation("query job")
                .context(format!("job {id}"))
                .hint("raise `bulk_from` to read by pages instead");
            Err(match job.error_message {
                Some(words) => error.source(words.chars().take(600).collect::<String>()),
                None => error,
            })
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Complete,
    Failed,
    Aborted,
}

fn state(word: &str) -> Result<State> {
    match word {
        "UploadComplete" | "InProgress" => Ok(State::Running),
        "JobComplete" => Ok(State::Complete),
        "Failed" => Ok(State::Failed),
        "Aborted" => Ok(State::Aborted),
        _ => Err(Error::new(ErrorKind::Protocol, "the query job is in a state we do not know").operation("query job").hint("report it")),
    }
}

/// Half a second, doubled with every look.
fn wait(looks: u32) -> Duration {
    Duration::from_millis(500).saturating_mul(1_u32.checked_shl(looks).unwrap_or(u32::MAX)).min(LONGEST_WAIT)
}

/// One page of a finished job's results.
pub async fn rows(reader: &Reader, scan: &Scan, object: &Object, id: &SfId, locator: Option<&str>, shape: Shape) -> Result<Page> {
    let response = reader.api.job_rows(id, locator, PAGE).await?;
    let items = records(&response, object, &shape, &reader.services).map_err(|error| error.operation("job results"))?;
    let next = next(&response)?.map(|locator| cursor(scan, &Place::JobRows { id: id.clone(), locator: Some(locator), shape }));
    Ok(Page { items, next: next.into_iter().collect(), ..Page::default() })
}

/// Where the results go on. A page without the header would end a read too early, so it is no last page.
fn next(response: &Response) -> Result<Option<String>> {
    let unreadable = |what: &str| Err(Error::new(ErrorKind::Protocol, what.to_owned()).operation("job results").hint("report it"));
    match response.header("sforce-locator") {
        Some("null") => Ok(None),
        Some(locator) if !locator.is_empty() && locator.len() <= LONGEST_LOCATOR => Ok(Some(locator.to_owned())),
        Some(_) => unreadable("the place of the next results cannot be read"),
        None => unreadable("the results do not say whether more of them come"),
    }
}

/// The rows of a page, read one after the other from the answer.
fn records(response: &Response, object: &Object, shape: &Shape, services: &[String]) -> Result<Vec<Record>> {
    let unreadable = |what: &str| Error::new(ErrorKind::Protocol, what.to_owned()).hint("run it again; if it stays, report it");
    let text = response.text()?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|_| unreadable("the results have no head line"))?.clone();
    let mut records = Vec::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(|_| unreadable("a line of the results has other columns than the head line"))? {
        let cell = |field: &str| {
            let at = head.iter().position(|name| name.eq_ignore_ascii_case(field))?;
            row.get(at).filter(|text| !text.is_empty()).map(without_nul)
        };
        records.push(map::record(object, shape, services, cell)?);
    }
    let stated = response.header("sforce-numberofrecords").and_then(|text| text.parse::<usize>().ok());
    if stated.is_some_and(|stated| stated != records.len()) {
        return Err(unreadable("the results hold another number of rows than they state"));
    }
    Ok(records)
}

/// Zero bytes stand inside values now and then.
fn without_nul(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.replace('\0', ""))
}

#[cfg(test)]
mod tests {
    use rightful_core::{HeaderName, HeaderValue, StatusCode};

    use super::*;
    use crate::objects::standard;
    use crate::soql::Name;

    fn account() -> Object {
        standard(Name::known("AccountNumber")).into_iter().find(|object| object.kind == "account").unwrap()
    }

    fn answer(body: &str, headers: &[(&'static str, &'static str)]) -> Response {
        headers.iter().fold(Response::new(StatusCode::OK, body.to_owned()), |answer, (name, value)| {
            answer.with_header(HeaderName::from_static(name), HeaderValue::from_static(value))
        })
    }

    const HEAD: &str = "\"Id\",\"Name\",\"SystemModstamp\",\"OwnerId\",\"AccountNumber\"\n";

    #[test]
    fn results_are_read_line_by_line() {
        let body = format!(
            "{HEAD}\"001Qk00000AbXyZIAV\",\"O'Brien, \"\"Söhne\"\"\nof two lines\",\"2026-11-20T09:15:02.000Z\",\"005Qk000003mNoPIAU\",\"R\0-05\"\n\
             \"001Qk00000AbXzZIAV\",\"B\",\"2026-11-20T09:15:03.000Z\",\"005Qk000003mNoPIAU\",\"\"\n"
        );
        let records = records(&answer(&body, &[("sforce-numberofrecords", "2")]), &account(), &Shape::default(), &[]).unwrap();
        assert_eq!(records[0].name, "O'Brien, \"Söhne\"\nof two lines");
        assert_eq!(records[0].key(&crate::objects::CODE), Some("R-05"));
        assert_eq!(records[0].changed_at.unwrap().to_rfc3339(), "2026-11-20T09:15:02+00:00");
        assert_eq!((records[1].keys.len(), records.len()), (0, 2));
    }

    #[test]
    fn an_empty_result_is_a_head_line() {
        assert_eq!(records(&answer(HEAD, &[("sforce-numberofrecords", "0")]), &account(), &Shape::default(), &[]).unwrap(), []);
    }

    #[test]
    fn broken_results_are_not_rows() {
        let line = "\"001Qk00000AbXyZIAV\",\"A\",\"2026-11-20T09:15:02.000Z\",\"005Qk000003mNoPIAU\",\"\"\n";
        for (body, stated) in [
            (format!("{HEAD}{line}"), "2"),
            (format!("{HEAD}\"001Qk00000AbXyZIAV\",\"A\"\n"), "1"),
            (format!("{HEAD}\"no id\",\"A\",\"\",\"\",\"\"\n"), "1"),
        ] {
            let response = Response::new(StatusCode::OK, body.clone())
                .with_header(HeaderName::from_static("sforce-numberofrecords"), HeaderValue::from_str(stated).unwrap());
            assert_eq!(records(&response, &account(), &Shape::default(), &[]).unwrap_err().kind(), ErrorKind::Protocol, "{body}");
        }
    }

    #[test]
    fn the_last_page_says_null_and_a_page_that_says_nothing_is_an_error() {
        let place = |headers: &[(&'static str, &'static str)]| next(&answer(HEAD, headers)).map_err(|error| error.kind());
        assert_eq!(place(&[("sforce-locator", "null")]), Ok(None));
        assert_eq!(place(&[("sforce-locator", "MTAwMDA")]), Ok(Some("MTAwMDA".into())));
        assert_eq!(place(&[("sforce-locator", "")]), Err(ErrorKind::Protocol));
        assert_eq!(place(&[]), Err(ErrorKind::Protocol));
    }

    #[test]
    fn looks_come_ever_more_seldom() {
        let waits: Vec<u64> = [0, 1, 4, 6, 31, 32, u32::MAX].into_iter().map(|looks| wait(looks).as_millis() as u64).collect();
        assert_eq!(waits, [500, 1_000, 8_000, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn each_state_leads_on() {
        for (word, wanted) in [
            ("UploadComplete", Some(State::Running)),
            ("InProgress", Some(State::Running)),
            ("JobComplete", Some(State::Complete)),
            ("Failed", Some(State::Failed)),
            ("Aborted", Some(State::Aborted)),
            ("Dreaming", None),
        ] {
            assert_eq!(state(word).ok(), wanted, "{word}");
        }
    }
}

//! Failing: each failure has its kind, a refused secret is tried once, and nothing printed holds a secret.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use futures::future::join_all;
use rightful_core::{Connector, Error, ErrorKind, KindSpec, Outcome, Purpose, RecordId, Scan, Secret, Write};
use tracing_subscriber::fmt::MakeWriter;

use super::stage::Stage;
use super::writes::changes_by_id;
use super::{Check, Contract, Found, samples};
use crate::scenario::read_whole;

/// What every connector's `errors.json` must have a kind for.
const NEEDED: [&str; 11] = ["400", "401", "403", "404", "429", "500", "503", "504", "html", "truncate", "drop"];

/// What errors.json says of a fault that a read gets over.
const SURVIVES: &str = "survives";

/// Side-by-side reads that must share one sign-in.
const SIDE_BY_SIDE: usize = 8;

pub(super) async fn errors_hold(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    for needed in NEEDED {
        if !contract.errors.contains_key(needed) {
            problems.push(format!("errors.json has no kind for `{needed}`"));
        }
    }
    let deed = Deed::usual(contract).await?;
    let stage = Stage::open(contract).await?;
    let unfaulted = deed.ids(&*stage.connect()?).await.map_err(|error| format!("the {deed} failed without faults: {error:?}"))?;
    for (fault, expected) in &contract.errors {
        let stage = Stage::open(contract).await?;
        stage.faults(&format!("*:{fault}"))?;
        let result = deed.ids(&*stage.connect()?).await;
        match result {
            Ok(found) if expected == SURVIVES => {
                if found != unfaulted {
                    problems.push(format!("`{fault}` on every request: {} rows were met, {} without it", found.len(), unfaulted.len()));
                }
            }
            Ok(_) => problems.push(format!("`{fault}` on every request: expected {expected}, but the {deed} succeeded")),
            Err(error) => problems.extend(kind_problem(fault, expected, &error)),
        }
        if expected == "rate-limited" || expected == "unavailable" {
            problems.extend(passing_is_survived(contract, &deed, fault, &unfaulted).await?);
        }
    }
    Ok(problems)
}

fn kind_problem(fault: &str, expected: &str, error: &Error) -> Option<String> {
    if error.kind().as_str() != expected {
        return Some(format!("`{fault}` on every request: expected {expected}, got {error:?}"));
    }
    let needs_hint = matches!(error.kind(), ErrorKind::Config | ErrorKind::Unauthenticated | ErrorKind::Forbidden);
    (needs_hint && error.mend().is_none()).then(|| format!("`{fault}`: the error does not say how to mend it: {error:?}"))
}

/// A failure that passes, once, at the first or second request: the read gets over it.
async fn passing_is_survived(contract: &Contract, deed: &Deed, fault: &str, unfaulted: &BTreeSet<RecordId>) -> Found {
    let mut problems = Vec::new();
    for number in [1, 2] {
        let stage = Stage::open(contract).await?;
        stage.faults(&format!("{number}:{fault}"))?;
        match deed.ids(&*stage.connect()?).await {
            Ok(found) if found == *unfaulted => {}
            Ok(found) => {
                problems.push(format!("`{fault}` on request {number} alone: {} rows were met, {} without it", found.len(), unfaulted.len()))
            }
            Err(error) => problems.push(format!("`{fault}` on request {number} alone: a {deed} must get over it, got {error:?}")),
        }
    }
    Ok(problems)
}

/// What is done where any call would do: a whole read, or for a kind that cannot be read a sample write.
enum Deed {
    Read(Scan),
    Write(Box<KindSpec>, Box<Write>),
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "read",
            Self::Write(..) => "write",
        })
    }
}

impl Deed {
    async fn usual(contract: &Contract) -> Result<Self, String> {
        let kind = contract.usual_kind();
        let unreadable = (contract.descriptor.kinds)().into_iter().find(|spec| spec.kind == kind && spec.unreadable.is_some());
        let Some(spec) = unreadable else { return Ok(Self::Read(Scan::all(kind))) };
        let sample = samples::upserts(&Stage::open(contract).await?, &spec, 1)?.pop();
        let write = sample.map(|sample| sample.write).ok_or("a sample is needed")?;
        Ok(Self::Write(Box::new(spec), Box::new(write)))
    }

    /// Does it once, as little of it as shows whether it succeeds.
    async fn once(&self, connector: &dyn Connector) -> Result<(), Error> {
        match self {
            Self::Read(scan) => connector.read(scan, None).await.map(drop),
            Self::Write(..) => self.ids(connector).await.map(drop),
        }
    }

    /// Does it to its end: the records met.
    async fn ids(&self, connector: &dyn Connector) -> Result<BTreeSet<RecordId>, Error> {
        match self {
            Self::Read(scan) => Ok(read_whole(connector, scan, 4).await?.records.into_iter().map(|record| record.id).collect()),
            Self::Write(spec, write) => {
                let mut ids = BTreeSet::new();
                for outcome in connector.write(&spec.kind, std::slice::from_ref(write)).await? {
                    match outcome {
                        Outcome::Done { id, .. } => drop(ids.insert(id)),
                        Outcome::Unchanged => {}
                        Outcome::NotDone(error) | Outcome::Unknown(error) => return Err(error),
                    }
                }
                Ok(ids)
            }
        }
    }
}

pub(super) async fn sign_in_holds(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    let deed = Deed::usual(contract).await?;
    if let Some(pointer) = &contract.text.sign_ins {
        let stage = Stage::open(contract).await?;
        let connector = stage.connect()?;
        for result in join_all((0..SIDE_BY_SIDE).map(|_| deed.once(&*connector))).await {
            if let Err(error) = result {
                problems.push(format!("a read side by side with others failed: {error:?}"));
            }
        }
        let dump = stage.sim.dump();
        match dump.pointer(pointer).and_then(serde_json::Value::as_u64) {
            Some(1) => {}
            Some(count) => problems.push(format!("{SIDE_BY_SIDE} reads side by side signed in {count} times")),
            None => problems.push(format!("sign_ins = `{pointer}` of contract.json points at no number in the simulator's dump")),
        }
    }
    let stage = Stage::open(contract).await?;
    let connector = with_wrong_secret(contract, &stage)?;
    for attempt in 1..=3 {
        match deed.once(&*connector).await {
            Ok(()) => problems.push(format!("{deed} {attempt} with a wrong secret succeeded")),
            Err(error) if error.kind() != ErrorKind::Unauthenticated => {
                problems.push(format!("{deed} {attempt} with a wrong secret: expected unauthenticated, got {error:?}"))
            }
            Err(error) if error.mend().is_none() => {
                problems.push(format!("{deed} {attempt} with a wrong secret: the error does not say how to mend it: {error:?}"))
            }
            Err(_) => {}
        }
    }
    if stage.asked() != 1 {
        problems.push(format!("a wrong secret was tried {} times in three {deed}s; once is what locks nobody out", stage.asked()));
    }
    if contract.text.sign_ins.is_some() {
        let stage = Stage::open(contract).await?;
        let connector = with_wrong_secret(contract, &stage)?;
        let accepted = join_all((0..SIDE_BY_SIDE).map(|_| deed.once(&*connector))).await.into_iter().filter(Result::is_ok).count();
        if accepted > 0 || stage.asked() != 1 {
            let asked = stage.asked();
            problems.push(format!(
                "{SIDE_BY_SIDE} reads side by side with a wrong secret: {accepted} succeeded, {asked} requests were sent, one may be"
            ));
        }
    }
    Ok(problems)
}

fn with_wrong_secret(contract: &Contract, stage: &Stage<'_>) -> Result<Arc<dyn Connector>, String> {
    let (settings, mut secrets) = stage.settings();
    let first = || contract.text.secrets.keys().next().cloned();
    let key = contract.text.wrong_secret.clone().or_else(first).unwrap_or_default();
    secrets.set(key.clone(), Secret::new(format!("wrong-{}", contract.text.secrets.get(&key).map_or("secret", String::as_str))));
    stage.connect_with(&settings, &secrets)
}

pub(super) async fn log_secrecy_holds(contract: &Contract) -> Found {
    let captured = Captured::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(captured.clone()).finish();
    let capturing = tracing::subscriber::set_default(subscriber);
    tracing::info!("capture begins");
    let spoken = everything_said(contract).await;
    drop(capturing);
    let mut text = captured.text();
    if !text.contains("capture begins") {
        return Err("no log line was captured, so nothing was shown".to_owned());
    }
    text.push_str(&spoken?);
    let mut problems = Vec::new();
    for marker in &contract.text.never_printed {
        problems.extend(text.lines().find(|line| line.contains(marker)).map(|line| format!("`{marker}` must never be printed: {line}")));
    }
    for (key, secret) in &contract.text.secrets {
        for (form, spelling) in spellings(secret) {
            if let Some(line) = text.lines().find(|line| line.contains(&spelling)) {
                problems.push(format!("secret `{key}` is printed {form}: {}", line.replace(&spelling, "***")));
            }
        }
    }
    Ok(problems)
}

/// Reads, writes and fails in every way, and returns all that can be printed of it.
async fn everything_said(contract: &Contract) -> Result<String, String> {
    let mut said = String::new();
    let stage = Stage::open(contract).await?;
    let connector = stage.connect()?;
    said.push_str(&format!("{connector:?}\n{:?}\n", stage.settings()));
    for spec in (contract.descriptor.kinds)() {
        let scan = Scan::all(spec.kind.clone());
        said.push_str(&format!("{:?}\n", connector.read(&scan, None).await.map(|page| page.next)));
        if changes_by_id(&spec)
            && !contract.waived(Check::PartialWrites, Some(&spec.kind))
            && let Ok(samples) = samples::updates(&stage, &*connector, &spec, 2).await
        {
            let batch: Vec<_> = samples.iter().map(|sample| sample.write.clone()).collect();
            said.push_str(&format!("{:?}\n", samples::write(&*connector, &spec, &batch).await));
        }
        said.push_str(&format!("{:?}\n", connector.preflight(&Purpose::Read(vec![spec.kind.clone()])).await));
    }
    let deed = Deed::usual(contract).await?;
    for fault in contract.errors.keys().map(String::as_str).chain(["drop-after"]) {
        let stage = Stage::open(contract).await?;
        stage.faults(&format!("*:{fault}"))?;
        if let Err(error) = deed.once(&*stage.connect()?).await {
            said.push_str(&told(&error));
        }
    }
    let stage = Stage::open(contract).await?;
    let refused = with_wrong_secret(contract, &stage)?;
    if let Err(error) = deed.once(&*refused).await {
        said.push_str(&told(&error));
    }
    said.push_str(&format!(
        "{:?}\n{refused:?}\n{}\n",
        refused.preflight(&Purpose::Read(vec![contract.usual_kind()])).await,
        stage.sim.dump()
    ));
    Ok(said)
}

fn told(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n");
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&format!("{inner}\n{inner:?}\n"));
        source = inner.source();
    }
    text
}

/// A secret as it may turn up: plain, escaped, encoded, and inside base64 at each of its three alignments.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let xml = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;");
    let json = serde_json::to_string(secret).expect("text can be written as JSON");
    let mut spellings = vec![
        ("as it is", secret.to_owned()),
        ("XML-escaped", xml),
        ("JSON-escaped", json[1..json.len() - 1].to_owned()),
        ("form-encoded", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
        ("in hexadecimal", secret.bytes().map(|byte| format!("{byte:02x}")).collect()),
    ];
    for shift in 0..3 {
        for (form, engine) in [("in base64", &STANDARD), ("in URL-safe base64", &URL_SAFE)] {
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(secret.as_bytes());
            let whole = bytes.len() / 3 * 4;
            let encoded = engine.encode(&bytes);
            // Characters that depend on what stands before or after are left out.
            let from = [0, 2, 3][shift];
            spellings.push((form, encoded[from..whole.min(encoded.len())].to_owned()));
        }
    }
    spellings.retain(|(_, spelling)| spelling.len() >= 6);
    spellings
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let secret = "p&ss'w<rd-42";
        for (title, text) in [
            ("plain", format!("key={secret};")),
            ("basic 0", STANDARD.encode(format!("{secret}:x"))),
            ("basic 1", STANDARD.encode(format!("u:ab:{secret}"))),
            ("basic 2", STANDARD.encode(format!("ab:ab{secret}"))),
            ("basic 3", URL_SAFE.encode(format!("abcd:ab{secret}ÿÿ"))),
            ("xml", "<password>p&amp;ss&apos;w&lt;rd-42</password>".to_owned()),
            ("form", "password=p%26ss%27w%3Crd-42&x=1".to_owned()),
        ] {
            assert!(spellings(secret).iter().any(|(_, spelling)| text.contains(spelling)), "{title}: {text} {:?}", spellings(secret));
        }
    }
}

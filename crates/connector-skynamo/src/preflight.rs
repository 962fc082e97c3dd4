//! What must hold before a connection is used, each with evidence and remedy.

use rightful_core::{Error, ErrorKind, Finding, Kind, Purpose, Rows, Scan, Verdict};

use crate::map;
use crate::read::Reader;

/// Every check for a purpose; reads only.
pub async fn findings(reader: &Reader, instance: &str, purpose: &Purpose) -> Vec<Finding> {
    let (kinds, written) = match purpose {
        Purpose::Read(kinds) => (kinds, None),
        Purpose::Write(kinds) => (kinds, kinds.first()),
    };
    let mut findings = Vec::new();
    let users = reader.api.page("users", "users", 1, 1, &[]).await;
    match users {
        Ok(_) => findings.push(Finding::pass("sign-in", format!("the key is accepted for the instance `{instance}`"))),
        Err(error) => {
            let failed = error.kind() == ErrorKind::Unauthenticated;
            findings.push(failure("sign-in", &error));
            if failed {
                // Every further call would be refused the same way.
                return findings;
            }
        }
    }
    for kind in kinds {
        findings.push(readable(reader, kind).await);
    }
    if kinds.contains(&map::CUSTOMER) {
        findings.push(custom_fields(reader).await);
        findings.push(changes(reader).await);
    }
    if let Some(kind) = written {
        findings.push(Finding::of(
            Verdict::CannotTell,
            format!("write-{kind}"),
            "Skynamo does not say what a key may write; reading does not show it",
            "start with a pilot plan of one customer",
        ));
    }
    findings
}

async fn readable(reader: &Reader, kind: &Kind) -> Finding {
    let check = format!("read-{kind}");
    let scan = Scan::all(kind.clone());
    match reader.read(&scan, None).await {
        Ok(page) => match page.whole {
            Some(whole) => Finding::pass(check, format!("{whole} rows")),
            None => Finding::pass(check, "readable"),
        },
        Err(error) => failure(check, &error),
    }
}

async fn custom_fields(reader: &Reader) -> Finding {
    match reader.api.customer_form().await {
        Ok(form) if form.is_empty() => Finding::of(
            Verdict::Advice,
            "customer-fields",
            "customers have no custom fields",
            "nothing to do unless a field of Skynamo's customers is to be read",
        ),
        Ok(form) => {
            let labels: Vec<String> = form.iter().map(|(id, label)| format!("{label} ({id})")).collect();
            Finding::pass("customer-fields", labels.join(", "))
        }
        Err(error) => failure("customer-fields", &error),
    }
}

/// Does the vendor keep the filter that incremental reads stand on?
async fn changes(reader: &Reader) -> Finding {
    let check = "read-changes";
    // No row version is above this one: whatever comes back came in spite of the filter.
    let scan = Scan { kind: map::CUSTOMER, rows: Rows::Since(rightful_core::Mark(i64::MAX.to_string())), fields: Vec::new() };
    match reader.read(&scan, None).await {
        Ok(page) if page.items.is_empty() => Finding::pass(check, "changes are read by row version"),
        Ok(_) => Finding::of(
            Verdict::Advice,
            check,
            "Skynamo passes over the filter on row versions",
            "nothing is lost, but every run reads everything: ask Skynamo's support",
        ),
        Err(error) => failure(check, &error),
    }
}

fn failure(check: impl Into<String>, error: &Error) -> Finding {
    let mut evidence = error.to_string();
    if let Some(words) = error.vendor_words() {
        evidence = format!("{evidence}; Skynamo says: {words}");
    }
    let verdict = if error.kind().is_retryable() { Verdict::NotYet } else { Verdict::Fail };
    Finding::of(verdict, check, evidence, error.mend().unwrap_or("try again later"))
}

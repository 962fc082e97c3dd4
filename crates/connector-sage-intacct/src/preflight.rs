//! What must hold before a connection is used, each with evidence and remedy.

use rightful_core::{Error, ErrorKind, Finding, Kind, Purpose, Scan, Verdict};

use crate::inspect::{Failure, Refusal};
use crate::map;
use crate::read::Reader;
use crate::session::Level;

/// Every check for a purpose; reads only.
pub async fn findings(reader: &Reader, level: &Level, purpose: &Purpose) -> Vec<Finding> {
    let (kinds, written) = match purpose {
        Purpose::Read(kinds) => (kinds, None),
        Purpose::Write(kinds) => (kinds, kinds.first()),
    };
    let mut findings = Vec::new();
    // The first call signs in; where that fails every further call would fail the same way, and may lock the user out.
    let entity = match reader.api.entity().await {
        Err(error) if stops(&error) => {
            findings.extend(signed_in(&reader.api.sender_id, &reader.api.user_id, Some(&error)));
            return findings;
        }
        other => other,
    };
    findings.extend(signed_in(&reader.api.sender_id, &reader.api.user_id, None));
    findings.push(entity_level(level, entity));
    findings.push(formatting(reader).await);
    for kind in kinds {
        findings.push(readable(reader, kind).await);
    }
    if let Some(kind) = written {
        findings.push(Finding::of(
            Verdict::CannotTell,
            format!("write-{kind}"),
            "reading does not show what the user may change",
            "give the user's role Edit on Customers under Accounts Receivable, and start with a pilot plan of one customer",
        ));
    }
    findings
}

/// Is it the sign-in that failed, and not the call after it?
fn stops(error: &Error) -> bool {
    match Refusal::of(error) {
        Some(refusal) => refusal.failure != Failure::PermissionDenied,
        None => true,
    }
}

/// The three steps of a sign-in, in the order in which the gateway takes them, as far as they were reached.
fn signed_in(sender: &str, user: &str, error: Option<&Error>) -> Vec<Finding> {
    let steps = [
        ("sender", format!("the gateway accepts the sender id `{sender}`")),
        ("sign-in", format!("the user `{user}` is signed in")),
        ("sender-authorised", format!("the company has authorised `{sender}`")),
    ];
    let failed_at = error.map(|error| match Refusal::of(error).map(|refusal| refusal.failure) {
        Some(Failure::SenderNotAuthorised | Failure::CompanyInactive) => 2,
        Some(Failure::SignInRejected | Failure::SessionInvalid) => 1,
        Some(Failure::SenderRejected) => 0,
        // Refused earlier and not tried again, or another level: that is the user's sign-in.
        None if matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Config) => 1,
        _ => 0,
    });
    let reached = failed_at.unwrap_or(steps.len());
    let mut findings: Vec<Finding> = steps.iter().take(reached).map(|(check, evidence)| Finding::pass(*check, evidence)).collect();
    if let (Some(error), Some((check, _))) = (error, steps.get(reached)) {
        findings.push(failure(*check, error));
    }
    findings
}

/// IN-25: where we stand is what the configuration says.
fn entity_level(level: &Level, found: Result<(String, String), Error>) -> Finding {
    let check = "entity-level";
    match (found, level) {
        (Err(error), _) => failure(check, &error),
        (Ok((id, name)), Level::Top) if id.is_empty() => Finding::pass(check, format!("at the top level of {name}")),
        (Ok((id, name)), Level::Entity(location)) if id == *location => Finding::pass(check, format!("in entity {id} ({name})")),
        // At the top level of a company with several entities the call may show any of them: the session itself was checked.
        (Ok((id, name)), Level::Top) => Finding::pass(check, format!("at the top level; the company shows {id} ({name})")),
        (Ok((id, name)), Level::Entity(location)) => Finding::of(
            Verdict::Fail,
            check,
            format!("the session stands in `{id}` ({name}), not in `{location}`"),
            "set `entity` to `top` or to the LOCATIONID of an entity that the user may enter",
        ),
    }
}

async fn formatting(reader: &Reader) -> Finding {
    let check = "user-formatting";
    match reader.api.formatting().await {
        Ok(formatting) if formatting.is_usual() => Finding::pass(check, "month/day/year, 24 hours"),
        Ok(_) => Finding::of(
            Verdict::Advice,
            check,
            "the user's dates or times are not in the form that the vendor documents",
            "set the user's preferences to en_US, month/day/year and 24 hours: whether filters follow other ones is not documented",
        ),
        Err(error) => failure(check, &error),
    }
}

async fn readable(reader: &Reader, kind: &Kind) -> Finding {
    let check = format!("read-{kind}");
    let least = Reader { page_size: 1, width: 1, ..reader.clone() };
    match least.read(&Scan::all(kind.clone()), None).await {
        Ok(page) => match page.whole {
            // A wrong level and a role without permissions look exactly like a company without records (IN-24).
            Some(0) => Finding::of(
                Verdict::Advice,
                check,
                "readable, but there are no rows",
                "if there should be some, check `entity`, `show_private` and the user's restrictions",
            ),
            Some(whole) => Finding::pass(check, format!("{whole} rows")),
            None => Finding::pass(check, "readable"),
        },
        Err(error) if Refusal::of(&error).is_some_and(|refusal| refusal.failure == Failure::PermissionDenied) => {
            let object = map::object(kind).map(|object| object.name).unwrap_or_default();
            failure_with(
                check,
                &error,
                format!("give the user's role List and View on {object}; a role without any permission looks the same"),
            )
        }
        Err(error) => failure(check, &error),
    }
}

fn failure(check: impl Into<String>, error: &Error) -> Finding {
    failure_with(check, error, error.mend().unwrap_or("try again later").to_owned())
}

fn failure_with(check: impl Into<String>, error: &Error, remedy: String) -> Finding {
    let evidence = match error.vendor_words() {
        Some(words) => format!("{error}; Sage Intacct says: {words}"),
        None => error.to_string(),
    };
    let verdict = if error.kind().is_retryable() { Verdict::NotYet } else { Verdict::Fail };
    Finding::of(verdict, check, evidence, remedy)
}

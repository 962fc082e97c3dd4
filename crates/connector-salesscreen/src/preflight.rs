//! What must hold before a connection is used, each with evidence and remedy.

use rightful_core::{Error, ErrorKind, Finding, Kind, Purpose, Verdict};

use crate::connector::NO_READS;
use crate::map;
use crate::write::Writer;

/// What of the settings the findings speak of.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// May a batch of nothing be sent to see whether the key is taken?
    pub probe: bool,
    /// May records be removed?
    pub removal: bool,
}

/// Every check for a purpose. The only call is a batch of nothing, which cannot change anything.
pub async fn findings(writer: &Writer, facts: &Facts, purpose: &Purpose) -> Vec<Finding> {
    let (kinds, written) = match purpose {
        Purpose::Read(kinds) => (kinds, None),
        Purpose::Write(kinds) => (kinds, kinds.first()),
    };
    let sign_in = if facts.probe { sign_in(writer.api.probe().await) } else { not_probed() };
    let failed = sign_in.verdict == Verdict::Fail;
    let mut findings = vec![sign_in];
    if failed {
        return findings;
    }
    findings.extend(kinds.iter().map(unreadable));
    findings.push(teams(writer));
    if let Some(kind) = written {
        findings.push(Finding::of(
            Verdict::CannotTell,
            format!("write-{kind}"),
            "SalesScreen does not say what a key may write, and nothing can be read back",
            "begin with one user and one record, and look at them in SalesScreen",
        ));
        if *kind == map::RECORD {
            findings.push(removal(facts.removal));
        }
    }
    findings
}

fn sign_in(answer: Result<(), Error>) -> Finding {
    let check = "sign-in";
    let error = match answer {
        Ok(()) => return Finding::pass(check, "the key is accepted: a batch of nothing was taken"),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::Rejected {
        return Finding::of(
            Verdict::CannotTell,
            check,
            "a batch of nothing was refused, but not for the key",
            "begin with one user; if every run meets this, set `probe = false`",
        );
    }
    let verdict = if error.kind().is_retryable() { Verdict::NotYet } else { Verdict::Fail };
    let evidence = match error.vendor_words() {
        Some(words) => format!("{error}; SalesScreen says: {words}"),
        None => error.to_string(),
    };
    Finding::of(verdict, check, evidence, error.mend().unwrap_or("try again later"))
}

fn not_probed() -> Finding {
    Finding::of(
        Verdict::CannotTell,
        "sign-in",
        "nothing was sent, since `probe = false`",
        "set `probe = true`, or begin with one user and see whether it is done",
    )
}

fn unreadable(kind: &Kind) -> Finding {
    Finding::of(
        Verdict::CannotTell,
        format!("read-{kind}"),
        NO_READS,
        "give what is there already as an administrator's export file; its columns are in docs/connectors/salesscreen.md",
    )
}

fn teams(writer: &Writer) -> Finding {
    let rules = &writer.rules;
    if rules.teams.others {
        return Finding::of(
            Verdict::Advice,
            "teams",
            "any team key is sent, and SalesScreen makes a team of each it does not know",
            "list the keys under Settings, Mappings in `team_keys` and set `allow_team_creation = false`",
        );
    }
    if rules.teams.listed.is_empty() {
        return Finding::of(
            Verdict::Advice,
            "teams",
            "no team key may be sent: users made here have no team, and SalesScreen ignores what they do until they have one",
            "copy the keys from Settings, Mappings into `team_keys`, or put people on teams in SalesScreen",
        );
    }
    let keys: Vec<&str> = rules.teams.listed.iter().map(String::as_str).collect();
    Finding::pass("teams", format!("team keys that may be sent: {}", keys.join(", ")))
}

fn removal(enabled: bool) -> Finding {
    if enabled {
        return Finding::of(
            Verdict::CannotTell,
            "remove-record",
            "records are removed by a path that is not confirmed",
            "remove one record and look in SalesScreen whether it is gone",
        );
    }
    Finding::of(
        Verdict::Advice,
        "remove-record",
        "records are not removed, since `remove_records = false`",
        "ask SalesScreen for the path, then set `remove_records` and `remove_path`; until then delete them in SalesScreen",
    )
}

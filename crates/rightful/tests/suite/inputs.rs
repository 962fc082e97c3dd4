//! Bad input: what is typed, configured or found wrong is told with its exit code and ends in what to do.

use serde_json::json;

use crate::stage::{Ended, INTEGRATION, Stage, ended, program};

impl Ended {
    /// A failure that ends in what to do.
    #[track_caller]
    fn mends(self, words: &[&str]) -> Self {
        let last = self.err.trim_end().lines().last().unwrap_or_default();
        assert!(
            last.contains("mend: ") && words.iter().all(|word| last.contains(word)),
            "the last line is no remedy with {words:?}:\n{}",
            self.err
        );
        self
    }
}

/// A stage whose both sides were read.
async fn read() -> Stage {
    let stage = Stage::new().await;
    stage.rightful(&["plan"]).await.exits(0);
    stage
}

/// The number of sign-ins that Sage Intacct's simulator refused.
fn refused_sign_ins(stage: &Stage) -> i64 {
    stage.intacct.dump()["counters"]["sign_ins"]["failed"].as_i64().unwrap()
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_with_file_line_and_remedy() {
    let stage = Stage::new().await;
    for (from, to, message, mend) in [
        (
            "page_size = 18\nbatch",
            "page_syze = 18\nbatch",
            "rightful.toml:21: unknown key `page_syze` in [connections.field]",
            "did you mean `page_size`?",
        ),
        (
            "vendor = \"skynamo\"",
            "vendor = \"skynemo\"",
            "rightful.toml:17: there is no connector for a vendor `skynemo`",
            "did you mean `skynamo`?",
        ),
        ("vendor = \"skynamo\"", "vendor = \"hubspot\"", "there is no connector for a vendor `hubspot`", "see `rightful connectors`"),
        (
            "job = \"rep-codes\"",
            "jobb = \"rep-codes\"\njob = \"rep-codes\"",
            "unknown key `jobb` in [integrations.rep-codes]",
            "did you mean `job`?",
        ),
        ("{ env = \"FIELD_KEY\" }", "\"letmein1\"", "`api_key` is a secret and must not stand in the file", "{ env = \"NAME\" }"),
        ("source = \"erp\"", "source = \"erpp\"", "there is no connection `erpp`", "did you mean `erp`?"),
        ("store =", "store", "this is not TOML", "correct that line"),
    ] {
        stage.configure(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        for verb in ["check", "plan", "runs"] {
            stage.rightful(&[verb]).await.exits(1).says(&[message]).says(&[mend]);
        }
    }
    // A setting of the right type that cannot be right is its connector's to tell.
    stage.configure(|text| text.replace("instance = \"acme\"", "instance = \"https://acme.example\""));
    stage.rightful(&["plan"]).await.exits(1).says(&["is no instance name"]).mends(&["did you mean `acme`?"]);
    stage.rightful(&["--config", "none.toml", "plan"]).await.exits(1).says(&["none.toml"]).mends(&["rightful init"]);
}

#[tokio::test]
async fn a_missing_secret_is_told_before_anything_is_asked_of_a_vendor() {
    let stage = Stage::new().await;
    for (reference, message, mend) in [
        ("{ env = \"NOT_SET_HERE\" }", "the environment variable NOT_SET_HERE is not set", "export NOT_SET_HERE="),
        ("{ file = \"none.txt\" }", "none.txt cannot be read", "create it"),
        ("{ command = [\"false\"] }", "the program `false` that prints a secret ended with", "by hand"),
    ] {
        stage.configure(|text| text.replace("{ env = \"FIELD_KEY\" }", reference));
        let told = stage.rightful(&["run"]).await.exits(1).says(&[message, "connection `field`", "secret `api_key`"]);
        told.mends(&[mend]);
        stage.rightful(&["check"]).await.exits(1).says(&[message, mend]);
    }
    assert_eq!((stage.skynamo.requests().count, stage.intacct.requests().count), (0, 0));
}

#[tokio::test]
async fn in_27_a_wrong_password_is_tried_once_over_all_processes_until_it_changes() {
    let stage = Stage::new().await;
    let run = async |password: &str| {
        let mut command = stage.command(&["run"]);
        command.env("ERP_USER", password);
        ended(command).await
    };
    run("wrong-secret").await.exits(1).says(&["run-1 failed", "Sage Intacct", "user_password"]);
    assert_eq!(refused_sign_ins(&stage), 1);
    for _ in 0..2 {
        run("wrong-secret").await.exits(1).says(&["not tried again with the same credentials"]);
    }
    assert_eq!(refused_sign_ins(&stage), 1, "one attempt only");
    run("another-wrong-one").await.exits(1);
    assert_eq!(refused_sign_ins(&stage), 2, "a changed secret is a new attempt");
    run("user-secret").await.exits(0);
    stage.assert_as_due(&stage.target());
    // A person who asks gets one attempt more.
    let mut preflight = stage.command(&["preflight"]);
    preflight.env("ERP_USER", "wrong-secret");
    ended(preflight).await.exits(7).says(&["FAIL"]);
    assert_eq!(refused_sign_ins(&stage), 3);
}

#[tokio::test]
async fn a_wrong_key_is_tried_once_too() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        let mut command = stage.command(&["run"]);
        command.env("FIELD_KEY", "wrong-key-1");
        ended(command).await.exits(1).says(&["Skynamo did not accept the key"]);
    }
    assert_eq!(stage.skynamo.requests().by_status.get("403"), Some(&1), "{:?}", stage.skynamo.requests());
    stage.rightful(&["run"]).await.exits(0);
}

#[tokio::test]
async fn a_code_table_with_bad_rows_is_saved_whole_or_not_at_all_or_its_good_rows_as_asked() {
    let stage = read().await;
    let version = async || stage.rightful(&["codes", "export", "--json"]).await.exits(0).json()["version"].as_i64().unwrap();
    let first = version().await;
    std::fs::write(
        stage.path("table.csv"),
        "code,user,successor\nR05,lindiwe,\nR05,nadja.o,\n,pieter,\nR11,pieter,x,y\nR12,Pieter@example.com,\n",
    )
    .unwrap();
    let verdicts =
        ["nadja.o             BAD", "did you mean `nadia.o`?", "the code is empty", "it has 4 cells where the first line names 3"];
    let import = ["codes", "import", "table.csv", "--reason", "spring"];
    let refused = stage.rightful(&import).await.exits(1).says(&verdicts);
    refused.says(&["2 good rows, 3 bad ones. Nothing was saved: correct the bad rows, or save the good ones with --good-rows"]);
    assert_eq!(version().await, first);
    stage.rightful(&[&import[..], &["--good-rows", "--dry-run"]].concat()).await.exits(0).says(&["Nothing was saved: this was a dry run"]);
    assert_eq!(version().await, first);
    stage.rightful(&[&import[..], &["--good-rows"]].concat()).await.exits(0).says(&verdicts).says(&["Saved as version"]);
    let table = stage.rightful(&["codes", "export"]).await.exits(0).out;
    // A code with a bad row beside a good one gets the good one; a code with bad rows only keeps what it had.
    assert!(
        table.contains("\nR05,lindiwe,\n") && table.contains("\nR12,Pieter@example.com,\n") && table.contains("\nR11,nadia.o,\n"),
        "{table}"
    );
    assert!(!table.contains("R05,nadia.o"), "{table}");
    std::fs::write(stage.path("table.csv"), "code,usr\nR05,x\n").unwrap();
    stage.rightful(&import).await.exits(1).says(&["there is no column `usr`"]).mends(&["did you mean `user`?"]);
    stage
        .rightful(&["codes", "import", "none.csv", "--reason", "x"])
        .await
        .exits(1)
        .says(&["none.csv cannot be read"])
        .mends(&["check the disk"]);
}

#[tokio::test]
async fn codes_set_tells_what_it_cannot_save() {
    let stage = read().await;
    let set = async |words: &[&str]| stage.rightful(&[&["codes", "set"], words].concat()).await;
    set(&["R05", "nadja.o", "--reason", "x"]).await.exits(1).says(&["no user answers to `nadja.o`"]).mends(&["did you mean `nadia.o`?"]);
    set(&["R05", "--reason", "x"]).await.exits(64).says(&["no user is named for `R05`"]).mends(&["--blank", "--remove"]);
    set(&["R05", "pieter", "--reason", " "]).await.exits(64).says(&["the reason is empty"]).mends(&["--reason TEXT"]);
    set(&["R05", "pieter", "--successor", "x", "--reason", "x"]).await.exits(64).mends(&["OLD=NEW"]);
    set(&["R05", "pieter", "--reason", "x", "--expect", "7"])
        .await
        .exits(5)
        .says(&["it has version 1 now"])
        .mends(&["rightful codes history"]);
    set(&["R05", "pieter", "--reason", "x", "--expect", "1"]).await.exits(0).says(&["Saved as version 2", "rightful run"]);
    set(&["r05", "pieter", "--reason", "x"]).await.exits(0).says(&["no customer carried `r05`", "did you mean `R05`?"]);
}

#[tokio::test]
async fn a_record_that_moved_since_the_plan_is_left_and_told() {
    let stage = read().await;
    let (due, _) = stage.due();
    let before = stage.target();
    let moved = before.customers.iter().find(|(code, held)| due[*code] != held.owners).expect("a run changes something").0;
    let id = stage.skynamo.dump()["users"][0]["id"].clone();
    stage.skynamo.control("set-customer", json!({"code": moved, "assigned_users": [id, 8, 9]})).unwrap();
    let edited = stage.target();
    stage.rightful(&["apply", "plan-1"]).await.exits(3).says(&["run-2 partial", "1 stale (moved since the plan)"]);
    let after = stage.target();
    assert_eq!(after.customers[moved], edited.customers[moved], "what moved is left alone");
    let others = after.customers.iter().filter(|(code, _)| *code != moved);
    assert!(others.into_iter().all(|(code, held)| held.owners == due[code]), "the others are as planned");
    stage.rightful(&["runs", "run-2"]).await.exits(0).says(&[moved, "stale", "the record moved since the plan"]);
}

#[tokio::test]
async fn a_plan_whose_ground_moved_is_stale() {
    let stage = read().await;
    let before = stage.target();
    stage.rightful(&["codes", "set", "R05", "pieter", "--reason", "he takes over"]).await.exits(0);
    let again = "make a new plan: rightful plan";
    stage.rightful(&["apply", "plan-1"]).await.exits(5).says(&["plan-1 is stale: the code table was saved since it was made", again]);
    stage.rightful(&["plan"]).await.exits(0);
    stage.configure(|text| text.replace("target = \"field\"", "target = \"field\"\nassignment = \"merge\""));
    stage.rightful(&["apply", "plan-2"]).await.exits(5).says(&["the integration's settings changed since it was made", again]);
    stage.rightful(&["apply", "plan-2"]).await.exits(5).says(&["plan-2 was dropped", again]);
    assert_eq!(stage.target(), before);
}

#[tokio::test]
async fn a_plan_over_its_cap_is_refused_and_let_through_with_a_reason_alone() {
    let stage = Stage::new().await;
    stage.configure(|text| text.replace("caps.owner_moves.percent = 100\n", ""));
    let before = stage.target();
    let through = "rightful apply plan-1 --over-cap --reason TEXT";
    let refused =
        stage.rightful(&["run"]).await.exits(4).says(&["run-1 refused", "the cap is 20 %", "a first run moves nearly everything", through]);
    assert!(refused.out.lines().any(|line| line.trim_start().starts_with("mend")), "{}", refused.out);
    stage.rightful(&["apply", "plan-1"]).await.exits(4).says(&["a first run moves nearly everything", through]);
    stage.rightful(&["apply", "plan-1", "--over-cap"]).await.exits(64).says(&["--reason"]);
    stage.rightful(&["apply", "plan-1", "--over-cap", "--reason", " "]).await.exits(64).says(&["the reason is empty"]);
    assert_eq!(stage.target(), before);
    stage.rightful(&["apply", "plan-1", "--over-cap", "--reason", "first run"]).await.exits(0).says(&["over its caps by ann: first run"]);
    stage.assert_as_due(&stage.target());
    stage.rightful(&["apply", "plan-1"]).await.exits(1).says(&["plan-1 was applied already by run-3", "make a new plan: rightful plan"]);
}

#[tokio::test]
async fn sk_24_in_24_an_emptied_source_is_refused_and_no_reason_lets_it_through() {
    let stage = Stage::new().await;
    stage.rightful(&["run"]).await.exits(0);
    let before = stage.target();
    stage.intacct.control("empty-customers", json!({})).unwrap();
    stage.rightful(&["run"]).await.exits(4).says(&["source-empty", "the source shows no record in use", "rightful preflight"]);
    stage.rightful(&["apply", "plan-2", "--over-cap", "--reason", "really"]).await.exits(4).says(&["source-empty"]);
    assert_eq!(stage.target(), before);
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let stage = read().await;
    for (words, message, mend) in [
        (&["plan", "--show", "plan-7"][..], "there is no plan-7", "plan-1"),
        (&["plan", "--show", "first"], "`first` is not the number of a plan", "write it as `plan-3` or `3`"),
        (&["apply", "7"], "there is no plan-7", "plan-1"),
        (&["runs", "run-7"], "there is no run-7", "run-1"),
        (&["undo", "run-7"], "there is no run-7", "run-1"),
        (&["holds", "drop", "hold-7"], "there is no hold-7", "rightful holds list"),
        (&["preflight", "feild"], "there is no connection `feild`", "did you mean `field`?"),
        (&["plan", "rep-code"], "there is no integration `rep-code`", "did you mean `rep-codes`?"),
        (&["run", "nothing-like-it"], "there is no integration `nothing-like-it`", "rep-codes"),
        (&["cases", "-i", "rep-code"], "there is no integration `rep-code`", "did you mean `rep-codes`?"),
        (&["holds", "list", "-i", "rep-code"], "there is no integration `rep-code`", "did you mean `rep-codes`?"),
        (&["runs", "-i", "rep-code"], "there is no integration `rep-code`", "did you mean `rep-codes`?"),
        (&["codes", "list", "-i", "rep-code"], "there is no integration `rep-code`", "did you mean `rep-codes`?"),
        (&["connectors", "skynemo"], "there is no connector for a vendor `skynemo`", "did you mean `skynamo`?"),
        (&["explain", "nobody-here"], "no customer `nobody-here` is known", "rightful plan"),
        (&["cases", "--reason", "unmaped-code"], "no open case has the reason `unmaped-code`", "did you mean `unmapped-code`?"),
    ] {
        stage.rightful(words).await.exits(1).says(&[message]).mends(&[mend]);
    }
    stage.rightful(&["plan", "--only", "r05"]).await.exits(0).says(&["no paired record has the code or key `r05`", "did you mean `R05`?"]);
    stage.rightful(&["plan", "--only", "no-such-code-at-all"]).await.exits(0).says(&["rightful codes list"]);
}

#[tokio::test]
async fn a_command_line_that_cannot_be_understood_exits_64_and_help_exits_0() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &[][..],
        &["plann"],
        &["plan", "--al"],
        &["apply"],
        &["apply", "1", "--over-cap"],
        &["apply", "1", "--reason", "x"],
        &["codes"],
        &["codes", "set", "R05", "x"],
        &["plan", "--list", "--only", "R05"],
        &["run", "one", "two"],
        &["runs", "--limit", "many"],
        &["completions", "dos"],
    ] {
        let told = ended(program(folder.path(), words)).await.exits(64);
        assert!(told.out.is_empty() && (told.err.contains("--help") || told.err.contains("Usage:")), "{words:?}: {}{}", told.out, told.err);
    }
    for words in [&["--help"][..], &["help-me", "--help"], &["--version"], &["codes", "set", "--help"]] {
        let code = if words[0] == "help-me" { 64 } else { 0 };
        ended(program(folder.path(), words)).await.exits(code);
    }
    let stage = Stage::new().await;
    stage.rightful(&["run", "rep-codes", "-i", "other"]).await.exits(64).says(&["two integrations are named"]).mends(&["name one"]);
}

#[tokio::test]
async fn a_preflight_that_fails_exits_7_with_evidence_and_remedy() {
    let stage = Stage::new().await;
    stage.rightful(&["preflight"]).await.exits(0).says(&["Ready. Next: rightful plan"]);
    stage.intacct.control("set-user", json!({"LOGINID": "ws_rightful", "permissions": {"CUSTOMER": ["list", "view"]}})).unwrap();
    stage.rightful(&["preflight"]).await.exits(7).says(&["read-employee", "FAIL", "List and View on EMPLOYEE", "Not ready"]);
    stage.rightful(&["preflight", "field"]).await.exits(0);
    // A vendor that cannot be reached is not ready either.
    stage.skynamo.set_faults("*:403").unwrap();
    stage.rightful(&["preflight", "field"]).await.exits(7);
    stage.skynamo.set_faults("*:429=600").unwrap();
    stage.rightful(&["preflight", "field"]).await.exits(7).says(&["not yet"]);
}

#[tokio::test]
async fn an_undone_run_is_undone_once_and_the_integration_rests_until_somebody_resumes_it() {
    let stage = Stage::new().await;
    let before = stage.target();
    stage.rightful(&["run"]).await.exits(0);
    let resume = format!("rightful resume {INTEGRATION}");
    stage.rightful(&["undo", "run-1"]).await.exits(0).says(&[&resume]);
    let undone = stage.target();
    assert_eq!(undone.owners(), before.owners());
    stage.rightful(&["undo", "run-1"]).await.exits(0).says(&["already as before run-1"]);
    assert_eq!(stage.target(), undone);
    stage.rightful(&["run"]).await.exits(1).says(&["integration `rep-codes` is paused", "undoes run-1"]).mends(&[&resume]);
    stage.rightful(&["apply", "plan-1"]).await.exits(1).mends(&[&resume]);
    // Looking is allowed.
    stage.rightful(&["plan"]).await.exits(0);
    stage.rightful(&["resume"]).await.exits(0).says(&["runs again"]);
    stage.rightful(&["pause", "--reason", "ERP upgrade"]).await.exits(0).says(&[&resume]);
    stage.rightful(&["run"]).await.exits(1).says(&["by ann: ERP upgrade"]).mends(&[&resume]);
    stage.rightful(&["resume"]).await.exits(0);
    stage.rightful(&["run"]).await.exits(0);
    stage.assert_as_due(&stage.target());
}

#[tokio::test]
async fn detailed_exit_codes_tell_changes_and_holds_and_only_where_asked() {
    let stage = Stage::new().await;
    stage.configure(|text| text.replace("target = \"field\"", "target = \"field\"\nno_match = \"hold\""));
    stage.rightful(&["plan"]).await.exits(0);
    stage.rightful(&["plan", "--detailed-exitcode"]).await.exits(2);
    stage.rightful(&["plan", "--show", "plan-2", "--detailed-exitcode"]).await.exits(2);
    stage.rightful(&["run"]).await.exits(0).says(&["done-with-holds", "rightful holds list"]);
    stage.rightful(&["run", "--detailed-exitcode"]).await.exits(8);
    stage.rightful(&["plan", "--detailed-exitcode"]).await.exits(0);
}

/// Secrets of alarms are wanted when something is wrong already: whether they can be had is told before.
#[tokio::test]
async fn a_secret_of_the_alarms_that_cannot_be_fetched_is_found_by_check() {
    let stage = Stage::new().await;
    stage.configure(|text| {
        format!("{text}\n[alarms]\nwebhook.url = \"https://hooks.example.com/rightful\"\nwebhook.secret = {{ env = \"HOOK\" }}\n")
    });
    stage.rightful(&["check"]).await.exits(1).says(&["HOOK", "`alarms.webhook.secret`"]);
    let mut command = stage.command(&["check"]);
    command.env("HOOK", "a secret that is long enough to sign with");
    ended(command).await.exits(0).says(&["all sound"]);
}

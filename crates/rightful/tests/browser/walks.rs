//! The walks, one test each; every page they come by is kept as a picture and scanned for what keeps people out.

use std::collections::BTreeSet;

use rightful_engine::{AccessRole, Authorship, EntryFilter, Store as _, WatchStore as _};
use serde_json::json;

use crate::client::{Client, PASSWORD, member, store};
use crate::driver::{Browser, Driver, needs};
use crate::stage::{ADMIN, Demo};

/// Keys, as WebDriver spells them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A code with one user and several customers, and somebody else to give it to.
struct Handover {
    code: String,
    from: String,
    to: String,
}

/// Finds one on the page that is open.
async fn handover(browser: &Browser) -> Handover {
    let script = "
        const rows = [...document.querySelectorAll('.code-row')];
        const row = rows.find(row => row.querySelectorAll('.chip input:checked').length === 1 && !row.querySelector('.badge')
            && Number(row.querySelector('.row-facts span').textContent.split(' ')[0]) > 5);
        const from = row.querySelector('.chip input:checked').value;
        const taken = new Set(rows.flatMap(row => [...row.querySelectorAll('.chip input:checked')].map(box => box.value)));
        const other = [...document.querySelectorAll('#users option')].find(option => !taken.has(option.value));
        return { code: row.querySelector('input[type=hidden]').value, from, to: other.value };";
    let found = browser.script(script, vec![]).await;
    let text = |name: &str| found[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {found}")).to_owned();
    Handover { code: text("code"), from: text("from"), to: text("to") }
}

/// Gives the code to the other user, without saving.
async fn hand_over(browser: &Browser, handover: &Handover) {
    let number = browser.script("return document.querySelector(`.code-row input[type=hidden][value=${CSS.escape(arguments[0])}]`)?.name.slice(5) ?? [...document.querySelectorAll('.code-row input[type=hidden]')].find(one => one.value === arguments[0]).name.slice(5)", vec![json!(handover.code)]).await;
    let number = number.as_str().expect("the code's row").to_owned();
    let ticked = browser.element(&format!("#code-{number} .chip input:checked")).await;
    ticked.scroll_into_view().await.unwrap();
    ticked.click().await.unwrap();
    let add = browser.element(&format!("[name=\"add.{number}\"]")).await;
    add.send_keys(handover.to.as_str()).await.unwrap();
    add.send_keys(ENTER).await.unwrap();
}

/// Customers whose owners are exactly as they were: by their code in Skynamo.
async fn owners(demo: &Demo) -> Vec<(String, String)> {
    let dump = demo.dump("skynamo").await;
    let customers = dump["customers"].as_array().unwrap();
    customers.iter().map(|customer| (customer["code"].to_string(), customer["assigned_users"].to_string())).collect()
}

fn moved(before: &[(String, String)], after: &[(String, String)]) -> usize {
    let before: BTreeSet<_> = before.iter().collect();
    after.iter().filter(|one| !before.contains(one)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn sk_6_to_sk_11_an_account_manager_hands_a_code_over_and_sees_it_take_effect() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(7, 300));
    // The first admin comes by the one-time link.
    let ada = driver.browser(&demo.console).await;
    ada.go("/integrations").await;
    ada.sees("Sign in").await;
    ada.look("sign-in").await;
    ada.go(&demo.link).await;
    ada.look("welcome").await;
    for (name, text) in [("name", ADMIN.0), ("display_name", "Ada Admin"), ("password", ADMIN.1), ("again", ADMIN.1)] {
        ada.fill(name, text).await;
    }
    ada.press("Set password and sign in").await;
    ada.sees("Enabled").await;
    ada.look("integrations").await;
    ada.press(&format!("Configure {}", demo.integration)).await;
    ada.press("Let account managers edit this table").await;
    ada.sees("Account managers may edit this table now.").await;
    // She lets an account manager in.
    ada.go("/settings/members/new").await;
    ada.fill("name", "mia").await;
    ada.fill("display_name", "Mia Manager").await;
    let role = ada.element("[name=role]").await;
    match role.tag_name().await.unwrap().as_str() {
        "select" => ada.element("[name=role] option[value=account-manager]").await.click().await.unwrap(),
        _ => ada.element("[name=role][value=account-manager]").await.click().await.unwrap(),
    }
    ada.look("member").await;
    ada.press("Add").await;
    let link = ada.element("#one-time").await.prop("value").await.unwrap().expect("the link is shown once");

    let mia = driver.browser(&demo.console).await;
    mia.go(link.trim()).await;
    mia.fill("password", PASSWORD).await;
    mia.fill("again", PASSWORD).await;
    mia.press("Set password and sign in").await;
    // SK-6: the gear, Integrations in the left menu, the word Enabled, the integration's gear.
    mia.press("Settings").await;
    mia.look("account").await;
    mia.press("Integrations").await;
    mia.sees("Enabled").await;
    mia.press(&format!("Configure {}", demo.integration)).await;
    // SK-7, SK-8, SK-9.
    mia.sees("Customer-user assignments").await;
    mia.sees("Customer assignments").await;
    let read = mia.element("#block ~ dl time").await.attr("datetime").await.unwrap().expect("when the table was read");
    mia.look("codes").await;
    let handover = handover(&mia).await;
    hand_over(&mia, &handover).await;
    mia.press("Preview").await;
    mia.sees("Moves ").await;
    mia.look("preview").await;
    let headline = mia.element("#preview").await.text().await.unwrap();
    let promised: usize =
        headline.split_whitespace().nth(1).and_then(|number| number.replace(',', "").parse().ok()).unwrap_or_else(|| panic!("{headline}"));
    assert!(promised > 0, "{headline}");
    // A save without a reason is not one.
    mia.press("Save").await;
    mia.sees("Say why, in a few words").await;
    mia.fill("reason", "takes over from a colleague").await;
    mia.press("Save").await;
    mia.sees("No customer has moved yet").await;
    mia.look("saved").await;
    // SK-10: the save moved nobody; SK-8: it did not move the time of reading either.
    let before = owners(&demo).await;
    assert_eq!(mia.element("#block ~ dl time").await.attr("datetime").await.unwrap().as_deref(), Some(read.as_str()));
    mia.go(&format!("/integrations/{}?q={}", demo.integration, handover.code)).await;
    mia.sees("takes effect at the next run").await;

    // SK-11: a run on demand.
    ada.go(&format!("/integrations/{}", demo.integration)).await;
    ada.press("Run now").await;
    ada.sees("done").await;
    ada.look("run").await;
    let after = owners(&demo).await;
    assert_eq!(moved(&before, &after), promised, "what was promised is what came");
    assert!(demo.owned_by(&handover.to).await >= promised);
    mia.go(&format!("/integrations/{}?q={}", demo.integration, handover.code)).await;
    mia.sees(&format!("moved {promised} customer")).await;
    assert_ne!(
        mia.element("#block ~ dl time").await.attr("datetime").await.unwrap().as_deref(),
        Some(read.as_str()),
        "the run read the table"
    );
    mia.go(&format!("/integrations/{}/history", demo.integration)).await;
    mia.sees("takes over from a colleague").await;
    mia.look("history").await;
    // And back again: she sees what that moves before she says so.
    mia.press("Go back to version 1…").await;
    mia.sees(&format!("Moves {promised} customer")).await;
    mia.sees(&handover.from).await;
    mia.look("revert").await;
    mia.fill("reason", "the handover was called off").await;
    mia.press("Go back to version 1").await;
    mia.sees("Saved the rows of version 1 as version 3").await;
    ada.go(&format!("/integrations/{}", demo.integration)).await;
    ada.press("Run now").await;
    ada.sees("What it did").await;
    ada.sees("done").await;
    assert_eq!(moved(&before, &owners(&demo).await), 0, "every customer is where it was before the handover");
    mia.close().await;
    ada.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sk_5_with_the_flag_off_the_table_is_read_but_not_saved() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(5, 120));
    member(&demo, "mia", AccessRole::AccountManager, None).await;
    let mia = driver.browser(&demo.console).await;
    mia.sign_in("mia", PASSWORD).await;
    mia.go(&format!("/integrations/{}", demo.integration)).await;
    mia.sees("You can look at this table but not change it").await;
    mia.sees("Rep Code - ").await;
    assert!(!mia.has(".savebar").await && !mia.has("input.add").await, "there is nothing to save with");
    assert!(mia.has("fieldset[disabled]").await);
    mia.look("codes-read-only").await;
    mia.close().await;
    // Nor by hand.
    let client = Client::signed_in(&demo, "mia").await;
    let version = store_version(&demo).await;
    let answer = client
        .submit(
            &format!("/integrations/{}/codes", demo.integration),
            &[("version", &version.to_string()), ("reason", "by hand"), ("do", "save"), ("code.0", "E-101"), ("add.0", "sean.darcy")],
        )
        .await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.body);
    assert!(answer.body.contains("has not made this table editable by account managers"), "{}", answer.body);
    assert_eq!(store_version(&demo).await, version);
}

async fn store_version(demo: &Demo) -> i64 {
    use rightful_engine::Store as _;
    store(demo).code_table(&demo.integration).await.unwrap().version
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_the_second_sees_what_the_first_changed() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(6, 120));
    let by = Authorship { author: "test".into(), reason: "test".into(), at: chrono::Utc::now() };
    store(&demo).set_editable(&demo.integration, true, &by).await.unwrap();
    member(&demo, "mia", AccessRole::AccountManager, None).await;
    member(&demo, "noa", AccessRole::AccountManager, None).await;
    let (mia, noa) = (driver.browser(&demo.console).await, driver.browser(&demo.console).await);
    mia.sign_in("mia", PASSWORD).await;
    noa.sign_in("noa", PASSWORD).await;
    let page = format!("/integrations/{}", demo.integration);
    mia.go(&page).await;
    noa.go(&page).await;
    let handover = handover(&mia).await;
    hand_over(&mia, &handover).await;
    let third = "return [...document.querySelectorAll('#users option')].map(one => one.value).find((wanted => user => !wanted.includes(user))([...arguments]))";
    let third = noa.script(third, vec![json!(handover.from), json!(handover.to)]).await;
    let third = third.as_str().expect("a third user").to_owned();
    hand_over(&noa, &Handover { code: handover.code.clone(), from: handover.from.clone(), to: third.clone() }).await;
    mia.fill("reason", "mia's reason").await;
    mia.press("Save").await;
    mia.sees("Saved as version").await;
    noa.fill("reason", "noa's reason").await;
    noa.press("Save").await;
    noa.sees("Somebody else saved this table while you were editing").await;
    noa.sees("mia's reason").await;
    noa.look("two-editors").await;
    let version = store_version(&demo).await;
    // Her own change is still there, on top of the other's: she saves it knowing.
    noa.press("Save").await;
    noa.sees("Saved as version").await;
    assert_eq!(store_version(&demo).await, version + 1);
    noa.go(&format!("{page}?q={}", handover.code)).await;
    noa.sees(&third).await;
    mia.close().await;
    noa.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_out_and_comes_in_with_a_verdict_for_each_row() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(8, 120));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    let client = Client::signed_in(&demo, "ida").await;
    let out = client.get(&format!("/integrations/{}/codes.csv", demo.integration)).await.body;
    let before = store_version(&demo).await;
    let ida = driver.browser(&demo.console).await;
    ida.sign_in("ida", PASSWORD).await;
    let page = format!("/integrations/{}/import", demo.integration);
    ida.go(&page).await;
    // What went out comes in without a change.
    ida.script("document.querySelector('[name=text]').value = arguments[0]", vec![json!(out)]).await;
    ida.press("Check rows").await;
    ida.sees(" good, ").await;
    // A row with a name that nobody has stops all, and says which is near.
    let wrong = format!("{out}E-101,sean.dracy,\n");
    ida.go(&page).await;
    ida.script("document.querySelector('[name=text]').value = arguments[0]", vec![json!(wrong)]).await;
    ida.press("Check rows").await;
    ida.sees("did you mean `sean.darcy`?").await;
    assert!(!ida.has("[name=save]").await, "bad rows are not saved unless somebody says so");
    ida.look("import").await;
    let right = format!("{out}NEW-1,sean.darcy,\n");
    ida.go(&page).await;
    ida.script("document.querySelector('[name=text]').value = arguments[0]", vec![json!(right)]).await;
    ida.element("[name=good_rows]").await.click().await.unwrap();
    ida.press("Check rows").await;
    ida.fill("reason", "one more code").await;
    ida.press("Save").await;
    ida.sees("as version").await;
    assert_eq!(store_version(&demo).await, before + 1);
    let again = client.get(&format!("/integrations/{}/codes.csv", demo.integration)).await.body;
    assert!(again.contains("NEW-1,sean.darcy,") && again.lines().count() == out.lines().count() + 1, "{again}");
    ida.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_from_the_keyboard() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(9, 120));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    let ida = driver.browser(&demo.console).await;
    ida.go("/sign-in").await;
    let keys = |text: &str| {
        let (page, text) = (ida.page.clone(), text.to_owned());
        async move { page.action_chain().send_keys(text).perform().await.unwrap() }
    };
    // The name has the focus when the page opens.
    keys(&format!("ida{TAB}{PASSWORD}{ENTER}")).await;
    ida.sees("Sign out").await;
    // Tab is followed until the element wanted has the focus; every stop on the way is visible.
    async fn tab_to(browser: &Browser, wanted: &str) {
        for _ in 0..200 {
            browser.page.action_chain().send_keys(TAB).perform().await.unwrap();
            let there = browser
                .script("const one = document.activeElement; const box = one.getBoundingClientRect(); return [one.matches(arguments[0]), box.width > 0 && getComputedStyle(one).outlineStyle !== 'none', one.outerHTML.slice(0, 200)]", vec![json!(wanted)])
                .await;
            assert_eq!(there[1], json!(true), "the focus cannot be seen on {}", there[2]);
            if there[0] == json!(true) {
                return;
            }
        }
        panic!("`{wanted}` cannot be reached by Tab on {}", browser.path().await);
    }
    tab_to(&ida, ".integration h2 a").await;
    keys(ENTER).await;
    ida.sees("Customer assignments").await;
    let handover = handover(&ida).await;
    tab_to(&ida, "input.add").await;
    keys(&format!("{}{ENTER}", handover.to)).await;
    ida.sees(&handover.to).await;
    tab_to(&ida, "[name=reason]").await;
    keys(&format!("by keyboard{TAB}{ENTER}")).await;
    ida.sees("customer").await;
    tab_to(&ida, "button[value=save]").await;
    keys(ENTER).await;
    ida.sees("Saved as version").await;
    ida.close().await;
}

/// Gives every code of the table to one user, behind the pages.
async fn everything_to(demo: &Demo, user: &str) {
    use rightful_engine::{CodeEdit, CodeRow, Saved, Store as _};
    let store = store(demo);
    let table = store.code_table(&demo.integration).await.unwrap();
    let codes: BTreeSet<String> = table.rows.iter().map(|row| row.row.code.clone()).collect();
    let row = |code: &str| CodeRow { code: code.to_owned(), user: Some(user.to_owned()), successor: None };
    let edits: Vec<CodeEdit> = codes.iter().map(|code| CodeEdit { code: code.clone(), rows: vec![row(code)] }).collect();
    let by = Authorship { author: "ida".into(), reason: "one for all".into(), at: chrono::Utc::now() };
    let saved = store.save_codes(&demo.integration, table.version, &edits, &by).await.unwrap();
    assert!(matches!(saved, Saved::Version(_)), "{saved:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_over_its_cap_takes_two_people() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(10, 120));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    member(&demo, "ben", AccessRole::Admin, None).await;
    everything_to(&demo, "sean.darcy").await;
    let before = owners(&demo).await;
    let (ida, ben) = (driver.browser(&demo.console).await, driver.browser(&demo.console).await);
    ida.sign_in("ida", PASSWORD).await;
    ida.go(&format!("/integrations/{}", demo.integration)).await;
    ida.press("Run now").await;
    ida.sees("refused").await;
    ida.look("run-refused").await;
    ida.go("/plans").await;
    ida.look("plans").await;
    let plan = ida.element("main a[href*=\"/plans/plan-\"]").await.attr("href").await.unwrap().expect("the newest plan");
    ida.go(&plan).await;
    ida.sees("Refused by owner-moves").await;
    ida.fill("reason", "looked through it").await;
    ida.press("Approve as the first of two").await;
    ida.sees("ida approved it").await;
    ida.look("plan-waiting").await;
    // She is not the second person as well.
    assert!(!ida.text().await.contains("Approve and apply"));
    assert_eq!(moved(&before, &owners(&demo).await), 0, "nothing moved yet");
    ben.sign_in("ben", PASSWORD).await;
    ben.go(&plan).await;
    ben.fill("reason", "agreed").await;
    ben.press("Approve and apply").await;
    ben.sees("done").await;
    assert!(moved(&before, &owners(&demo).await) > 20);
    ben.go("/audit").await;
    ben.sees("looked through it").await;
    ben.look("audit").await;
    ida.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_live_until_its_end() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(11, 200));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    // Slow enough for a long look while it goes on, on any machine.
    demo.slow("skynamo", 5_000).await;
    let ida = driver.browser(&demo.console).await;
    ida.sign_in("ida", PASSWORD).await;
    ida.go(&format!("/integrations/{}", demo.integration)).await;
    ida.press("Run now").await;
    ida.sees("Under way").await;
    // Bars appear and the page turns to the outcome by itself: nobody loads it again.
    ida.element("[data-events] progress").await;
    ida.look("run-live").await;
    demo.slow("skynamo", 0).await;
    ida.sees("took ").await;
    ida.sees("done").await;
    assert!(!ida.has("[data-events]").await, "the page shows the outcome, not the progress");
    ida.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_page_can_be_seen_and_used_by_everybody() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::start(12, 200));
    member(&demo, "ada", AccessRole::Admin, None).await;
    let ada = driver.browser(&demo.console).await;
    ada.sign_in("ada", PASSWORD).await;
    let of = format!("/integrations/{}", demo.integration);
    let written = store(&demo).entries(&EntryFilter { limit: 1, ..EntryFilter::default() }).await.unwrap();
    let record = &written.first().expect("the first run wrote").target;
    for (name, path) in [
        ("runs", "/runs".to_owned()),
        ("run-done", format!("{of}/runs/run-2")),
        ("item", format!("{of}/runs/run-2/items/1")),
        ("undo", format!("{of}/runs/run-2/undo")),
        ("plan", format!("{of}/plans/plan-1")),
        ("cases", "/cases".to_owned()),
        ("why", format!("/why?integration={}", demo.integration)),
        ("why-answered", format!("/why?integration={}&key={record}", demo.integration)),
        ("connections", "/connections".to_owned()),
        ("connection", "/connections/skynamo".to_owned()),
        ("connection-new", "/connections/new?vendor=sage-intacct".to_owned()),
        ("settings", "/settings".to_owned()),
        ("members", "/settings/members".to_owned()),
        ("tokens", "/settings/tokens".to_owned()),
        ("import-empty", format!("{of}/import")),
        ("codes-nothing-found", format!("{of}?q=no+such+code")),
        ("not-found", "/no-such-page".to_owned()),
    ] {
        ada.go(&path).await;
        ada.look(name).await;
    }
    ada.dark().await;
    for (name, path) in [
        ("codes", of.clone()),
        ("plan", format!("{of}/plans/plan-1")),
        ("run", format!("{of}/runs/run-2")),
        ("cases", "/cases".to_owned()),
        ("connection-new", "/connections/new?vendor=sage-intacct".to_owned()),
        ("history", format!("{of}/history")),
        ("audit", "/audit".to_owned()),
    ] {
        ada.go(&path).await;
        ada.look(&format!("dark-{name}")).await;
    }
    ada.close().await;
}

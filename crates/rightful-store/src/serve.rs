//! The ports that serving needs, over SQLite: each method is one transaction of the module that knows its tables.

use rightful_core::{ConnectionName, Instant, Result, Secret, Secrets, async_trait};
use rightful_engine::{
    Access, AccessStore, Act, AuditFilter, AuditLine, AuditLog, Authorship, ChainVerdict, ConnectionEdit, ConnectionStore, Credential,
    Effect, Episode, Invitation, Kept, Member, MemberEdit, MemberId, PlanId, Quarantine, ReviewStore, RunId, RunOutcome, SessionRow,
    StoredConnection, Token, TokenId, Vitals, WatchStore, Watched,
};

use crate::store::SqliteStore;
use crate::{access, audit, connections, review, watch};

/// How often a token's use is noted.
const NOTED: chrono::Duration = chrono::Duration::hours(1);

#[async_trait]
impl AccessStore for SqliteStore {
    async fn members(&self) -> Result<Vec<Member>> {
        self.0.read(access::members).await
    }

    async fn member(&self, id: MemberId) -> Result<Option<Credential>> {
        self.0.read(move |tx| access::member(tx, id)).await
    }

    async fn member_named(&self, name: &str) -> Result<Option<Credential>> {
        let name = name.to_owned();
        self.0.read(move |tx| access::member_named(tx, &name)).await
    }

    async fn add_member(&self, member: &MemberEdit, password: Option<Secret>, first: bool, act: &Act) -> Result<Kept<MemberId>> {
        let (member, act) = (member.clone(), act.clone());
        self.0.write(move |tx| access::add_member(tx, &member, password.as_ref(), first, &act)).await
    }

    async fn change_member(&self, id: MemberId, revision: i64, member: &MemberEdit, act: &Act) -> Result<Kept<()>> {
        let (member, act) = (member.clone(), act.clone());
        self.0.write(move |tx| access::change_member(tx, id, revision, &member, &act)).await
    }

    async fn set_password(&self, id: MemberId, password: Secret, act: &Act) -> Result<()> {
        let act = act.clone();
        self.0.write(move |tx| access::set_password(tx, id, &password, &act)).await
    }

    async fn session(&self, digest: &[u8], now: Instant) -> Result<Option<SessionRow>> {
        let digest = digest.to_vec();
        self.0.read(move |tx| access::session(tx, &digest, now)).await
    }

    async fn put_session(&self, session: &SessionRow, new: bool) -> Result<bool> {
        let session = session.clone();
        self.0.write(move |tx| access::put_session(tx, &session, new)).await
    }

    async fn end_session(&self, digest: &[u8]) -> Result<()> {
        let digest = digest.to_vec();
        self.0.write(move |tx| access::end_session(tx, &digest)).await
    }

    async fn forget_ended(&self, now: Instant) -> Result<u64> {
        self.0.write(move |tx| access::forget_ended(tx, now)).await
    }

    async fn put_invitation(&self, digest: &[u8], invitation: &Invitation, act: &Act) -> Result<()> {
        let (digest, invitation, act) = (digest.to_vec(), invitation.clone(), act.clone());
        self.0.write(move |tx| access::put_invitation(tx, &digest, &invitation, &act)).await
    }

    async fn invitation(&self, digest: &[u8], now: Instant) -> Result<Option<Invitation>> {
        let digest = digest.to_vec();
        self.0.read(move |tx| access::invitation(tx, &digest, now)).await
    }

    async fn take_invitation(&self, digest: &[u8], now: Instant) -> Result<Option<Invitation>> {
        let digest = digest.to_vec();
        self.0.write(move |tx| access::take_invitation(tx, &digest, now)).await
    }

    async fn tokens(&self) -> Result<Vec<Token>> {
        self.0.read(access::tokens).await
    }

    async fn add_token(&self, digest: &[u8], name: &str, access: &Access, expires: Instant, act: &Act) -> Result<TokenId> {
        let (digest, name, access, act) = (digest.to_vec(), name.to_owned(), access.clone(), act.clone());
        self.0.write(move |tx| access::add_token(tx, &digest, &name, &access, expires, &act)).await
    }

    async fn use_token(&self, digest: &[u8], now: Instant) -> Result<Option<Token>> {
        let digest = digest.to_vec();
        let found = self.0.read(move |tx| access::good_token(tx, &digest, now)).await?;
        if let Some(token) = &found
            && token.used.is_none_or(|used| now - used >= NOTED)
        {
            let id = token.id;
            self.0.write_lightly(move |tx| access::note_use(tx, id, now)).await?;
        }
        Ok(found)
    }

    async fn revoke_token(&self, id: TokenId, act: &Act) -> Result<bool> {
        let act = act.clone();
        self.0.write(move |tx| access::revoke_token(tx, id, &act)).await
    }
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append(&self, act: &Act) -> Result<i64> {
        let act = act.clone();
        self.0.write(move |tx| audit::append(tx, &act)).await
    }

    async fn acts(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>> {
        let filter = filter.clone();
        self.0.read(move |tx| audit::acts(tx, &filter)).await
    }

    async fn verify(&self) -> Result<ChainVerdict> {
        let reader = self.0.clone();
        crate::database::blocking(move || audit::verify(&reader.reader()?)).await
    }

    async fn line_with(&self, hash: &str) -> Result<Option<i64>> {
        let hash = hash.to_owned();
        self.0.read(move |tx| audit::line_with(tx, &hash)).await
    }
}

#[async_trait]
impl WatchStore for SqliteStore {
    async fn answers(&self) -> Result<()> {
        self.0.answers().await
    }

    async fn watched(&self, integration: &str) -> Result<Watched> {
        let integration = integration.to_owned();
        self.0.read(move |tx| watch::watched(tx, &integration)).await
    }

    async fn all_watched(&self) -> Result<Vec<(String, Watched)>> {
        self.0.read(watch::all_watched).await
    }

    async fn vitals(&self) -> Result<Vec<Vitals>> {
        self.0.read(watch::vitals).await
    }

    async fn expect_runs(&self, integration: &str, since: Instant) -> Result<()> {
        let integration = integration.to_owned();
        self.0.write(move |tx| watch::expect_runs(tx, &integration, since)).await
    }

    async fn claim_due(&self, integration: &str, due: Instant) -> Result<bool> {
        let integration = integration.to_owned();
        self.0.write(move |tx| watch::claim_due(tx, &integration, due)).await
    }

    async fn ask_run(&self, integration: &str, at: Instant, act: &Act) -> Result<()> {
        let (integration, act) = (integration.to_owned(), act.clone());
        self.0.write(move |tx| watch::ask_run(tx, &integration, at, &act)).await
    }

    async fn take_asked(&self, integration: &str) -> Result<Option<(Instant, String)>> {
        // Asked every few seconds for each integration: only where something is there does it wait for a writer.
        if self.watched(integration).await?.asked.is_none() {
            return Ok(None);
        }
        let integration = integration.to_owned();
        self.0.write(move |tx| watch::take_asked(tx, &integration)).await
    }

    async fn note_end(&self, integration: &str, run: Option<RunId>, outcome: RunOutcome, at: Instant) -> Result<Watched> {
        let integration = integration.to_owned();
        self.0.write(move |tx| watch::note_end(tx, &integration, run, outcome, at)).await
    }

    async fn quarantine(&self, integration: &str, quarantine: &Quarantine) -> Result<()> {
        let (integration, quarantine) = (integration.to_owned(), quarantine.clone());
        self.0.write(move |tx| watch::quarantine(tx, &integration, &quarantine)).await
    }

    async fn release_quarantine(&self, integration: &str, by: &Authorship) -> Result<()> {
        let (integration, by) = (integration.to_owned(), by.clone());
        self.0.write(move |tx| watch::release_quarantine(tx, &integration, &by)).await
    }

    async fn set_editable(&self, integration: &str, editable: bool, by: &Authorship) -> Result<()> {
        let (integration, by) = (integration.to_owned(), by.clone());
        self.0.write(move |tx| watch::set_editable(tx, &integration, editable, &by)).await
    }

    async fn episodes(&self) -> Result<Vec<Episode>> {
        self.0.read(watch::episodes).await
    }

    async fn begin_episode(
        &self,
        integration: &str,
        alarm: &str,
        message: &str,
        channels: &[String],
        at: Instant,
    ) -> Result<Option<Episode>> {
        let (integration, alarm, message, channels) = (integration.to_owned(), alarm.to_owned(), message.to_owned(), channels.to_vec());
        self.0.write(move |tx| watch::begin_episode(tx, &integration, &alarm, &message, &channels, at)).await
    }

    async fn end_episode(&self, integration: &str, alarm: &str, at: Instant) -> Result<Option<Episode>> {
        let (integration, alarm) = (integration.to_owned(), alarm.to_owned());
        self.0.write(move |tx| watch::end_episode(tx, &integration, &alarm, at)).await
    }

    async fn told(&self, episode: i64, channel: &str, ended: bool) -> Result<()> {
        let channel = channel.to_owned();
        self.0.write(move |tx| watch::channel_told(tx, episode, &channel, ended)).await
    }
}

#[async_trait]
impl ReviewStore for SqliteStore {
    async fn effects(&self, integration: &str, limit: usize) -> Result<Vec<Effect>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| review::effects(tx, &integration, limit)).await
    }

    async fn approvals(&self, plan: PlanId) -> Result<Vec<Authorship>> {
        self.0.read(move |tx| review::approvals(tx, plan)).await
    }

    async fn approve_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>> {
        let by = by.clone();
        self.0.write(move |tx| review::approve_plan(tx, plan, &by)).await
    }

    async fn reject_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<()>> {
        let by = by.clone();
        self.0.write(move |tx| review::reject_plan(tx, plan, &by)).await
    }
}

#[async_trait]
impl ConnectionStore for SqliteStore {
    async fn connections(&self) -> Result<Vec<StoredConnection>> {
        self.0.read(connections::connections).await
    }

    async fn put_connection(&self, revision: i64, connection: &ConnectionEdit, act: &Act) -> Result<Kept<i64>> {
        let (vault, connection, act) = (self.1.clone(), connection.clone(), act.clone());
        self.0.write(move |tx| connections::put_connection(tx, &vault, revision, &connection, &act)).await
    }

    async fn remove_connection(&self, name: &ConnectionName, act: &Act) -> Result<bool> {
        let (name, act) = (name.clone(), act.clone());
        self.0.write(move |tx| connections::remove_connection(tx, &name, &act)).await
    }

    async fn open_secrets(&self, name: &ConnectionName) -> Result<Secrets> {
        let (vault, name) = (self.1.clone(), name.clone());
        self.0.read(move |tx| connections::open_secrets(tx, &vault, &name)).await
    }
}

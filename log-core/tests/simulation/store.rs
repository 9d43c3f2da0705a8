//! One process's way to the store: numbers its operations and lets go wrong what the plan says.
//!
//! Depends on the world. A life that is over gets no answer any more.

use crate::plan::{Fault, Later};
use crate::world::{Answer, Effect, World};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// So long a process waits for an answer that does not come.
const TIME_OUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(crate) struct ProcessStore {
    world: Arc<World>,
    process: usize,
    life: u64,
}

impl ProcessStore {
    /// The store as this process sees it in the life that it has now.
    pub(crate) fn new(world: Arc<World>, process: usize) -> Self {
        let life = world.state().processes[process].life;
        Self {
            world,
            process,
            life,
        }
    }

    async fn stand_still(&self) {
        self.world.stand_still(self.process, self.life).await;
    }

    async fn operate(&self, effect: Effect) -> Result<Answer> {
        self.stand_still().await;
        let number = {
            let process = &mut self.world.state().processes[self.process];
            process.operations += 1;
            process.operations - 1
        };
        let fault = self.world.plan.fault(self.process, number);
        let (there, back) = self.world.delays(self.process);
        let begun = self.world.now().as_millis();
        let name = format!("p{}.{number} {}", self.process, describe(&effect));
        tokio::time::sleep(there).await;
        let answer = self.suffer(&name, fault, effect).await;
        tokio::time::sleep(back).await;
        self.stand_still().await;
        let outcome = match &answer {
            Ok(Answer::Done) => "done".to_owned(),
            Ok(Answer::Object { bytes, .. }) => format!("{} bytes", bytes.len()),
            Ok(Answer::Listed(objects)) => format!("{} objects", objects.len()),
            Err(Error::AlreadyExists { .. }) => "exists".to_owned(),
            Err(Error::NotFound { .. }) => "not found".to_owned(),
            Err(error) => error.to_string(),
        };
        self.world
            .trace(&format!("{name} (begun {begun}): {outcome}"));
        answer
    }

    /// The operation under its fault.
    async fn suffer(&self, name: &str, fault: Option<Fault>, effect: Effect) -> Result<Answer> {
        let Some(fault) = fault else {
            self.stand_still().await;
            return self.world.apply(&effect);
        };
        self.world.trace(&format!("{name}: {fault:?}"));
        match fault {
            Fault::FailBefore => Err(injected()),
            Fault::FailAfter => {
                let _ = self.world.apply(&effect);
                Err(injected())
            }
            Fault::StopBefore => {
                self.world.stop(self.process);
                std::future::pending().await
            }
            Fault::StopAfter => {
                let _ = self.world.apply(&effect);
                self.world.stop(self.process);
                std::future::pending().await
            }
            Fault::Duplicate(later) => {
                let answer = self.world.apply(&effect);
                self.later(name, effect, later);
                answer
            }
            Fault::Delay(later) => {
                let Later { effects, at_most } = later;
                self.world.wait_for_others(effects, at_most).await;
                self.world.apply(&effect)
            }
            Fault::TimeOut(later) => {
                self.later(name, effect, later);
                tokio::time::sleep(TIME_OUT).await;
                Err(injected())
            }
            Fault::HoldAnswer(Later { effects, at_most }) => {
                let answer = self.world.apply(&effect);
                self.world.wait_for_others(effects, at_most).await;
                answer
            }
            Fault::PauseBefore(duration) => {
                self.world.pause(self.process, duration);
                self.stand_still().await;
                self.world.apply(&effect)
            }
            Fault::Garble => {
                let answer = self.world.apply(&effect);
                if let (Ok(_), Effect::Create { path, .. }) = (&answer, &effect) {
                    self.world.garble(path);
                }
                answer
            }
            Fault::PauseAfter(duration) => {
                let answer = self.world.apply(&effect);
                self.world.pause(self.process, duration);
                answer
            }
        }
    }

    /// Lets it happen later, whoever lives then.
    fn later(&self, name: &str, effect: Effect, later: Later) {
        if matches!(effect, Effect::Get { .. } | Effect::List) {
            return;
        }
        let (world, name) = (self.world.clone(), name.to_owned());
        world.state().late += 1;
        tokio::spawn(async move {
            world.wait_for_others(later.effects, later.at_most).await;
            let outcome = match world.apply(&effect) {
                Ok(_) => "done",
                Err(_) => "too late",
            };
            world.trace(&format!("{name}: late, {outcome}"));
            world.late_is_done();
        });
    }
}

fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Create { path, bytes } => format!("create {path} of {}", bytes.len()),
        Effect::Get { path, .. } => format!("get {path}"),
        Effect::List => "list".to_owned(),
        Effect::Delete { path } => format!("delete {path}"),
    }
}

fn injected() -> Error {
    Error::Generic {
        store: "simulated",
        source: "injected".into(),
    }
}

impl fmt::Display for ProcessStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessStore({})", self.process)
    }
}

#[async_trait]
impl ObjectStore for ProcessStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        assert_eq!(
            opts.mode,
            PutMode::Create,
            "{location}: nothing is overwritten"
        );
        let effect = Effect::Create {
            path: location.clone(),
            bytes: payload.into(),
        };
        self.operate(effect).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Default::default(),
        })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let effect = Effect::Get {
            path: location.clone(),
            range: options.range,
        };
        match self.operate(effect).await? {
            Answer::Object { meta, range, bytes } => Ok(GetResult {
                payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
                meta,
                range,
                attributes: Default::default(),
                extensions: Default::default(),
            }),
            other => unreachable!("{other:?}"),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |path| {
                let store = store.clone();
                async move {
                    let path = path?;
                    let effect = Effect::Delete { path: path.clone() };
                    store.operate(effect).await.map(|_| path)
                }
            })
            .boxed()
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        stream::once(async move {
            stream::iter(match store.operate(Effect::List).await {
                Ok(Answer::Listed(objects)) => objects.into_iter().map(Ok).collect(),
                Ok(other) => unreachable!("{other:?}"),
                Err(error) => vec![Err(error)],
            })
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented {
            operation: "list_with_delimiter".to_owned(),
            implementer: self.to_string(),
        })
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "put_multipart_opts".to_owned(),
            implementer: self.to_string(),
        })
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented {
            operation: "copy_opts".to_owned(),
            implementer: self.to_string(),
        })
    }
}

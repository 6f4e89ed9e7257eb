//! A cache, its origin and its clients, all within one thread of a test.

use crate::flow::{
    Cache, CacheHandler, CacheMetrics, CacheOptions, KeepPurges, LinkSettings, NotKept, Purging,
    Runtime, Scope, Task,
};
use crate::pages::Pages;
use crate::purge::{Purge, PurgeTable};
use crate::rules::Policy;
use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Answer, Body, Context, Handler, Request, Response};
use sedge_model::trace::TraceContext;
use sedge_store::segments::Segments;
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context as Polling, Wake, Waker};
use std::time::Duration;

/// Some day in 2026.
const NOW_MS: u64 = 1_790_000_000_000;

/// Tasks, run in turn when a test says so.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<VecDeque<Arc<Running>>>>);

pub(super) struct Running {
    task: Mutex<Option<Task>>,
    is_queued: AtomicBool,
    tasks: Tasks,
}

impl Wake for Running {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, SeqCst) {
            let queue = Arc::clone(&self.tasks.0);
            queue.lock().unwrap().push_back(self);
        }
    }
}

impl Tasks {
    pub(super) fn spawn(&self, task: Task) -> Arc<Running> {
        let (is_queued, tasks) = (AtomicBool::new(false), self.clone());
        let running = Arc::new(Running { task: Mutex::new(Some(task)), is_queued, tasks });
        Arc::clone(&running).wake();
        running
    }

    /// Runs until nothing can go on.
    pub(super) fn run(&self) {
        loop {
            let next = self.0.lock().unwrap().pop_front();
            let Some(running) = next else { return };
            running.is_queued.store(false, SeqCst);
            let waker = Waker::from(Arc::clone(&running));
            let mut task = running.task.lock().unwrap();
            let polled =
                task.as_mut().map(|task| task.as_mut().poll(&mut Polling::from_waker(&waker)));
            if polled.is_some_and(|polled| polled.is_ready()) {
                *task = None;
            }
        }
    }
}

/// What an origin was asked, and how it answers.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    reply: oneshot::Sender<Result<Response, Failure>>,
}

/// The body of an answer, written piece by piece. Dropping it ends the body.
pub(super) struct Writing(mpsc::UnboundedSender<Result<Frame<Bytes>, Failure>>);

impl Writing {
    pub(super) fn write(&self, bytes: impl Into<Bytes>) {
        let _ = self.0.unbounded_send(Ok(Frame::data(bytes.into())));
    }

    pub(super) fn fail(self) {
        let _ = self.0.unbounded_send(Err(Failure::new(Kind::UpstreamBroken, "of the test")));
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_dropped(&self) -> bool {
        self.0.is_closed()
    }
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Answers with a whole body.
    pub(super) fn answer(self, status: u16, fields: &[(&'static str, &str)], body: &str) {
        let body = handler::full(body.to_owned());
        drop(self.reply.send(Ok(response(status, fields, body))));
    }

    /// Answers, with the body to follow.
    pub(super) fn begin(self, status: u16, fields: &[(&'static str, &str)]) -> Writing {
        let (writing, written) = mpsc::unbounded();
        let body = StreamBody::new(written).boxed_unsync();
        drop(self.reply.send(Ok(response(status, fields, body))));
        Writing(writing)
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.reply.is_canceled()
    }

    pub(super) fn fail(self) {
        let failure = Failure::new(Kind::UpstreamConnect, "of the test");
        drop(self.reply.send(Err(failure)));
    }
}

pub(super) fn response(status: u16, fields: &[(&'static str, &str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().expect("a value"));
    }
    response
}

#[derive(Default)]
struct Origin(Mutex<VecDeque<Asked>>);

impl Handler for Origin {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        let (reply, replied) = oneshot::channel();
        let (head, _) = request.into_parts();
        let path = head.uri.path_and_query().map(|path| path.to_string()).unwrap_or_default();
        let (method, headers) = (head.method, head.headers);
        self.0.lock().unwrap().push_back(Asked { method, path, headers, reply });
        Box::pin(async {
            let gone = || Failure::new(Kind::UpstreamReset, "the test gave no answer");
            replied.await.unwrap_or_else(|_| Err(gone()))
        })
    }
}

type Told<T> = Arc<Mutex<Option<T>>>;

/// A client's request.
pub(super) struct Client {
    running: Arc<Running>,
    told: Told<Result<Response, Failure>>,
    tasks: Tasks,
}

impl Client {
    /// Whether it has an answer.
    pub(super) fn is_answered(&self) -> bool {
        self.told.lock().unwrap().is_some()
    }

    /// Goes away before it has an answer.
    pub(super) fn leave(self) {
        *self.running.task.lock().unwrap() = None;
        self.tasks.run();
    }

    /// The answer's head, with the body to be read.
    pub(super) fn head(self) -> Response {
        let told = self.told.lock().unwrap().take().expect("is answered");
        told.unwrap_or_else(|failure| panic!("{failure}"))
    }

    pub(super) fn failure(self) -> Kind {
        let told = self.told.lock().unwrap().take().expect("is answered");
        told.map(drop).expect_err("fails").kind
    }

    /// Status and body, read to its end.
    pub(super) fn whole(self) -> (u16, String) {
        let tasks = self.tasks.clone();
        let head = self.head();
        let status = head.status().as_u16();
        (status, tasks.read(head).take().expect("is whole"))
    }
}

/// Work under way.
pub(super) struct Work<T> {
    running: Arc<Running>,
    told: Told<T>,
    tasks: Tasks,
}

impl<T> Work<T> {
    /// What it came to.
    pub(super) fn take(&self) -> Option<T> {
        self.tasks.run();
        self.told.lock().unwrap().take()
    }

    /// Is given up.
    pub(super) fn leave(self) {
        *self.running.task.lock().unwrap() = None;
        self.tasks.run();
    }
}

/// A body that is read as it comes.
pub(super) struct Reading {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Told<Result<(), Kind>>,
    running: Arc<Running>,
    tasks: Tasks,
}

impl Reading {
    /// What has come so far.
    pub(super) fn so_far(&self) -> String {
        self.tasks.run();
        String::from_utf8(self.bytes.lock().unwrap().clone()).expect("text")
    }

    /// All of it.
    pub(super) fn take(&mut self) -> Option<String> {
        let text = self.so_far();
        let ended = self.ended.lock().unwrap().take()?;
        ended.is_ok().then_some(text)
    }

    pub(super) fn failure(&self) -> Option<Kind> {
        self.tasks.run();
        (*self.ended.lock().unwrap())?.err()
    }

    pub(super) fn leave(self) {
        *self.running.task.lock().unwrap() = None;
        self.tasks.run();
    }
}

impl Tasks {
    /// Reads a body beside all else.
    pub(super) fn read(&self, response: Response) -> Reading {
        let (bytes, ended) = (Arc::<Mutex<Vec<u8>>>::default(), Told::default());
        let (into, end) = (Arc::clone(&bytes), Arc::clone(&ended));
        let mut body = response.into_body();
        let running = self.spawn(Box::pin(async move {
            let result = loop {
                match body.frame().await {
                    None => break Ok(()),
                    Some(Err(failure)) => break Err(failure.kind),
                    Some(Ok(frame)) => {
                        if let Some(data) = frame.data_ref() {
                            into.lock().unwrap().extend_from_slice(data);
                        }
                    }
                }
            };
            *end.lock().unwrap() = Some(result);
        }));
        self.run();
        Reading { bytes, ended, running, tasks: self.clone() }
    }
}

pub(super) struct Stage {
    pub(super) tasks: Tasks,
    pub(super) cache: Arc<Cache>,
    pub(super) metrics: Arc<CacheMetrics>,
    origin: Arc<Origin>,
    pub(super) link: CacheHandler,
    now_ms: Arc<AtomicU64>,
    timers: Arc<Mutex<Timers>>,
}

/// When they are due, and who waits.
type Timers = Vec<(u64, oneshot::Sender<()>)>;

pub(super) struct Options {
    pub(super) policy: Policy,
    pub(super) settings: LinkSettings,
    pub(super) memory_bytes_max: u64,
    pub(super) disk: Option<Segments>,
    pub(super) keep: Option<KeepPurges>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            policy: Policy::default(),
            settings: LinkSettings::default(),
            memory_bytes_max: 8 << 20,
            disk: None,
            keep: None,
        }
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Stage::with(Options::default())
    }

    pub(super) fn with(options: Options) -> Self {
        let (tasks, now_ms) = (Tasks::default(), Arc::new(AtomicU64::new(NOW_MS)));
        let timers: Arc<Mutex<Timers>> = Arc::default();
        let runtime = Runtime {
            spawn: Arc::new({
                let tasks = tasks.clone();
                move |task| drop(tasks.spawn(task))
            }),
            blocking: Arc::new(|work| work()),
            sleep: Arc::new({
                let (timers, now_ms) = (Arc::clone(&timers), Arc::clone(&now_ms));
                move |time: Duration| {
                    let (fire, fired) = oneshot::channel();
                    let due = now_ms.load(SeqCst) + time.as_millis() as u64;
                    timers.lock().unwrap().push((due, fire));
                    Box::pin(async {
                        let _ = fired.await;
                    })
                }
            }),
            now_ms: Arc::new({
                let now_ms = Arc::clone(&now_ms);
                move || now_ms.load(SeqCst)
            }),
        };
        let Options { policy, settings, memory_bytes_max, disk, keep } = options;
        let purges = PurgeTable::new();
        let options = CacheOptions {
            memory_bytes_max,
            pages: Some(Pages::new(memory_bytes_max).expect("a file in memory")),
            disk,
            purges,
            keep_purges: keep,
            runtime,
        };
        let cache = Cache::new(options);
        let (origin, metrics) = (Arc::<Origin>::default(), Arc::<CacheMetrics>::default());
        let link = CacheHandler::new(
            Arc::clone(&cache),
            "test",
            policy,
            settings,
            Arc::clone(&metrics),
            Arc::clone(&origin) as _,
        );
        Stage { tasks, cache, metrics, origin, link, now_ms, timers }
    }

    /// Lets time pass.
    pub(super) fn advance(&self, time_ms: u64) {
        let now = self.now_ms.fetch_add(time_ms, SeqCst) + time_ms;
        let mut timers = self.timers.lock().unwrap();
        let (due, left) = timers.drain(..).partition(|(due, _)| *due <= now);
        *timers = left;
        drop(timers);
        let due: Vec<_> = due;
        for (_, fire) in due {
            let _ = fire.send(());
        }
        self.tasks.run();
    }

    /// A request to `http://a/…`, begun.
    pub(super) fn ask(&self, method: &str, path: &str, fields: &[(&'static str, &str)]) -> Client {
        self.send(request(method, path, fields, handler::empty()))
    }

    pub(super) fn get(&self, path: &str) -> Client {
        self.ask("GET", path, &[])
    }

    pub(super) fn send(&self, request: Request) -> Client {
        let told = Told::default();
        let (tell, link) = (Arc::clone(&told), self.link.clone());
        let peer = SocketAddr::from(([127, 0, 0, 1], 7));
        let context = Context::new(peer, false, TraceContext::begin());
        let running = self.tasks.spawn(Box::pin(async move {
            let answered = link.call(request, context).await;
            *tell.lock().unwrap() = Some(answered);
        }));
        self.tasks.run();
        Client { running, told, tasks: self.tasks.clone() }
    }

    /// A scope with the responses of the link.
    pub(super) fn scope(&self) -> Scope {
        let (cache, metrics) = (Arc::clone(&self.cache), Arc::clone(&self.metrics));
        Scope::new(cache, "test", Policy::default(), LinkSettings::default(), metrics)
    }

    /// Work, begun.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Work<T> {
        let told = Told::default();
        let tell = Arc::clone(&told);
        let running = self.tasks.spawn(Box::pin(async move {
            let output = work.await;
            *tell.lock().unwrap() = Some(output);
        }));
        self.tasks.run();
        Work { running, told, tasks: self.tasks.clone() }
    }

    /// Work that waits for nobody.
    pub(super) fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.begin(work).take().expect("ends")
    }

    /// Purges, as an operator does.
    pub(super) fn purge(&self, what: Purging, purge: Purge) -> Result<(), NotKept> {
        let cache = Arc::clone(&self.cache);
        let work = self.begin(async move { cache.purge(&what, purge).await });
        self.advance(1);
        work.take().expect("ends")
    }

    /// What the origin was asked next.
    pub(super) fn asked(&self) -> Asked {
        self.tasks.run();
        self.origin.0.lock().unwrap().pop_front().expect("the origin is asked")
    }

    /// How many questions the origin has not answered.
    pub(super) fn open(&self) -> usize {
        self.tasks.run();
        self.origin.0.lock().unwrap().len()
    }

    /// Asks for a path and lets the origin answer; the answer's status and body.
    pub(super) fn fetch(
        &self,
        path: &str,
        fields: &[(&'static str, &str)],
        body: &str,
    ) -> (u16, String) {
        let client = self.get(path);
        self.asked().answer(200, fields, body);
        self.tasks.run();
        client.whole()
    }

    /// Asks for what must be stored; its body.
    pub(super) fn hit(&self, path: &str) -> String {
        let client = self.get(path);
        assert_eq!(self.open(), 0, "{path} is not stored");
        client.whole().1
    }

    /// Whether a request goes to the origin; it is left without an answer.
    pub(super) fn is_miss(&self, path: &str) -> bool {
        let client = self.get(path);
        let is_asked = self.open() > 0;
        self.origin.0.lock().unwrap().clear();
        client.leave();
        is_asked
    }

    pub(super) fn outcome(&self, name: &str) -> u64 {
        let outcomes = self.metrics.outcomes();
        let found = outcomes.iter().find(|(label, _)| *label == name);
        found.map(|(_, count)| *count).expect("an outcome")
    }

    pub(super) fn not_stored(&self, reason: &str) -> u64 {
        let counts = self.metrics.not_stored();
        counts.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count)
    }
}

pub(super) fn request(
    method: &str,
    path: &str,
    fields: &[(&'static str, &str)],
    body: Body,
) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    *request.uri_mut() = path.parse().expect("a path");
    request.headers_mut().insert("host", "a".parse().expect("a host"));
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    request
}

pub(super) const FRESH: (&str, &str) = ("cache-control", "max-age=60");

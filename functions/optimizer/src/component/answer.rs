//! An answer whose body is worked on.

use super::body::{Source, write};
use super::dictionaries;
use super::fields::to_host;
use crate::held::{self, Begun, Whole};
use crate::pipeline::Pipeline;
use crate::plan::{Done, Work};
use crate::request::Asked;
use crate::settings::Settings;
use std::io;
use std::time::Duration;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{FutureReader, StreamWriter};
use wasip3::{spawn_local, wit_future, wit_stream};

type Trailers = Result<Option<Fields>, ErrorCode>;

pub(super) async fn make(
    settings: &Settings,
    asked: &Asked,
    mut work: Work,
    response: Response,
) -> Result<Response, ErrorCode> {
    let status = response.get_status_code();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, consumed);
    let mut source = Source::new(body);
    let look = work.look(settings);
    let gathered = source.gather(look.bytes_max, Duration::from_millis(look.ms)).await;
    let scope = settings.dictionaries.as_deref().filter(|_| work.is_shared && gathered.is_whole);
    if let (Some(scope), Some(digest)) = (scope, asked.available) {
        work.dictionary = dictionaries::get(scope, digest);
    }
    let (answer, mut done) = if gathered.is_whole {
        let trailers = trailers.await;
        let whole = match trailers {
            Ok(_) => held::whole(&work, gathered.bytes).map_err(internal)?,
            // It broke off, and is sent on as far as it came.
            Err(_) => Whole { body: gathered.bytes, done: Done::default() },
        };
        (Answer::Whole { body: whole.body, trailers }, whole.done)
    } else {
        let Begun { pipeline, first, done } =
            held::begin(&work, gathered.bytes).map_err(internal)?;
        (Answer::Streams { first, pipeline: pipeline.map(Box::new), source, trailers }, done)
    };
    // Only what is kept is of use.
    done.content = done
        .content
        .filter(|content| scope.is_some_and(|scope| dictionaries::put(scope, content.clone())));
    let head = work.head(asked, &done);
    let (writer, contents) = wit_stream::new();
    let (told, trailers) = wit_future::new(cut_off);
    let (made, _sent) = Response::new(to_host(&head.fields), Some(contents), trailers);
    let _ = made.set_status_code(status);
    spawn_local(async move {
        let trailers = answer.send(writer).await;
        let _ = told.write(trailers).await;
    });
    Ok(made)
}

/// The trailers of a body that nobody has ended.
fn cut_off() -> Trailers {
    Err(ErrorCode::HttpResponseIncomplete)
}

fn internal(error: io::Error) -> ErrorCode {
    ErrorCode::InternalError(Some(format!("optimizer: {error}")))
}

enum Answer {
    Whole {
        body: Vec<u8>,
        trailers: Trailers,
    },
    Streams {
        first: Vec<u8>,
        pipeline: Option<Box<Pipeline>>,
        source: Source,
        trailers: FutureReader<Trailers>,
    },
}

impl Answer {
    async fn send(self, mut writer: StreamWriter<u8>) -> Trailers {
        match self {
            Answer::Whole { body, trailers } => {
                write(&mut writer, body).await.map_err(internal)?;
                trailers
            }
            Answer::Streams { first, pipeline, source, trailers } => {
                write(&mut writer, first).await.map_err(internal)?;
                let sent = match pipeline {
                    Some(pipeline) => through(*pipeline, source, &mut writer).await,
                    None => on(source, &mut writer).await,
                };
                sent.map_err(internal)?;
                drop(writer);
                // The end of one that broke off is an error here.
                trailers.await
            }
        }
    }
}

/// Sends the rest of a body as it comes.
async fn on(mut source: Source, writer: &mut StreamWriter<u8>) -> io::Result<()> {
    while let Some(piece) = source.next(async || ()).await {
        write(writer, piece).await?;
    }
    Ok(())
}

/// Sends the rest of a body through its steps.
async fn through(
    mut pipeline: Pipeline,
    mut source: Source,
    writer: &mut StreamWriter<u8>,
) -> io::Result<()> {
    loop {
        let mut flushed = Ok(());
        let pause = async || {
            flushed = match pipeline.flush() {
                Ok(bytes) => write(writer, bytes).await,
                Err(error) => Err(error),
            };
        };
        let piece = source.next(pause).await;
        flushed?;
        let Some(piece) = piece else { break };
        write(writer, pipeline.push(&piece)?).await?;
    }
    write(writer, pipeline.finish()?).await
}

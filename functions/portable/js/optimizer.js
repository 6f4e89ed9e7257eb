// The export of optimizer-core, for JavaScript.

import { Core, PortableError, compile, need } from './core.js';
export { PortableError } from './core.js';

/** What `images` can read. */
const PICTURE = /^image\/(jpeg|png|gif)\s*(;|$)/i;

export class Optimizer {
  #core;
  #images;

  constructor(module, { images, ...options } = {}) {
    this.#core = new Core(module, ['optimize_content'], options);
    this.#images = images;
  }

  static async load(source, options) {
    return new Optimizer(await compile(source), options);
  }

  optimize(content, request) {
    need(content, Uint8Array);
    const hints = request.clientHints ?? {};
    const asked = new TextEncoder().encode(JSON.stringify({
      content_type: request.contentType,
      accept_encoding: request.acceptEncoding,
      target: request.target,
      settings: request.settings,
      client_hints: {
        device_type: hints.deviceType,
        connection: hints.connection,
        viewport_width: hints.viewportWidth,
        save_data: hints.saveData,
        supports_webp: hints.supportsWebp,
        supports_avif: hints.supportsAvif,
      },
    }));
    const [answer, bytes] = this.#core.call((scope) => {
      const result = scope.room(16);
      const parameters = [scope.copy(asked), asked.length, scope.copy(content), content.length];
      scope.do('optimize_content', ...parameters, result);
      return [scope.take(result), scope.take(result + 8)];
    });
    const told = JSON.parse(new TextDecoder().decode(answer));
    const converted = hints.supportsWebp ? this.#toWebp(content, request.contentType) : undefined;
    return {
      content: converted ?? bytes,
      contentType: converted ? 'image/webp' : told.content_type,
      contentEncoding: told.content_encoding,
      cacheTtl: told.cache_ttl,
      optimizationsApplied: converted ? ['webp_conversion'] : told.optimizations_applied,
    };
  }

  /** The picture as WebP, if it is smaller so; one that cannot be read passes as it is. */
  #toWebp(content, contentType) {
    if (!this.#images || !PICTURE.test(contentType)) return undefined;
    try {
      const made = this.#images.transform(content, '/cdn-cgi/image/format=webp/');
      return made.length < content.length ? made : undefined;
    } catch (error) {
      if (error instanceof PortableError) return undefined;
      throw error;
    }
  }
}

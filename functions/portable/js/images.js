// The exports of images-core, for JavaScript.

import { Core, compile, need, whole } from './core.js';
export { PortableError } from './core.js';

const NAMES = ['resize_image', 'smart_crop', 'transform_image'];
const SIDE_MAX = 99_999;

export class Images {
  #core;

  constructor(module, options) {
    this.#core = new Core(module, NAMES, options);
  }

  static async load(source, options) {
    return new Images(await compile(source), options);
  }

  resize(picture, { width = 0, height = 0 } = {}) {
    whole(width, 0, SIDE_MAX), whole(height, 0, SIDE_MAX);
    return this.#make('resize_image', picture, () => [], [width, height]);
  }

  smartCrop(picture, aspectRatio) {
    if (typeof aspectRatio !== 'number') throw new TypeError('the ratio is not a number');
    return this.#make('smart_crop', picture, () => [], [aspectRatio]);
  }

  transform(picture, target, accept = '') {
    const texts = [target, accept].map((text) => new TextEncoder().encode(text));
    const before = (scope) => texts.flatMap((text) => [scope.copy(text), text.length]);
    return this.#make('transform_image', picture, before, []);
  }

  #make(name, picture, before, after) {
    need(picture, Uint8Array);
    return this.#core.call((scope) => {
      const result = scope.room(8);
      const parameters = [...before(scope), scope.copy(picture), picture.length, ...after];
      scope.do(name, ...parameters, result, result + 4);
      return scope.take(result);
    });
  }
}

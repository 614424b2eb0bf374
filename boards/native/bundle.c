#include "bundle.h"

#include <string.h>

#include "crc32.h"

static struct bundle_head head_of(const char *bundle, size_t bytes) {
  struct bundle_head head = {0};
  if (bytes >= sizeof head) memcpy(&head, bundle, sizeof head);
  return head;
}

size_t bundle_length(const char *bundle, size_t most) {
  struct bundle_head head = head_of(bundle, most);
  if (head.magic == BUNDLE_MAGIC) return head.bytes <= most ? head.bytes : 0;
  const char *end = memchr(bundle, 0, most);
  return end ? (size_t)(end - bundle) : 0;
}

bool bundle_is_image(const char *bundle, size_t bytes) {
  return head_of(bundle, bytes).magic == BUNDLE_MAGIC;
}

bool bundle_whole(const char *image, size_t bytes) {
  struct bundle_head head = head_of(image, bytes);
  if (head.magic != BUNDLE_MAGIC || head.bytes < sizeof head || head.bytes > bytes) return false;
  return crc32(0, (const uint8_t *)image + sizeof head, head.bytes - sizeof head) == head.crc;
}

#include "print.h"

#include <stdbool.h>
#include <stdint.h>

#define DIGITS_MAX 24

struct sink {
  char *into;
  size_t size;
  size_t length;
};

static void put(struct sink *sink, char c) {
  if (sink->length + 1 < sink->size) sink->into[sink->length] = c;
  sink->length++;
}

static void field(struct sink *sink, const char *text, size_t length, size_t width, bool left, char fill) {
  for (size_t i = length; !left && i < width; i++) put(sink, fill);
  for (size_t i = 0; i < length; i++) put(sink, text[i]);
  for (size_t i = length; left && i < width; i++) put(sink, ' ');
}

static size_t digits(char *into, uint64_t value, unsigned base) {
  char reversed[DIGITS_MAX];
  size_t length = 0;
  do {
    reversed[length++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  for (size_t i = 0; i < length; i++) into[i] = reversed[length - 1 - i];
  return length;
}

int print_arguments(char *into, size_t size, const char *format, va_list arguments) {
  struct sink sink = {into, size, 0};
  for (const char *at = format; *at; at++) {
    if (*at != '%') {
      put(&sink, *at);
      continue;
    }
    bool left = false;
    char fill = ' ';
    size_t width = 0;
    size_t precision = SIZE_MAX;
    unsigned longs = 0;
    bool is_size = false;
    for (at++; *at == '-' || *at == '0'; at++) {
      if (*at == '-') left = true;
      else fill = '0';
    }
    for (; *at >= '0' && *at <= '9'; at++) width = width * 10 + (size_t)(*at - '0');
    if (*at == '.') {
      at++;
      precision = 0;
      if (*at == '*') {
        int given = va_arg(arguments, int);
        precision = given < 0 ? SIZE_MAX : (size_t)given;
        at++;
      }
      for (; *at >= '0' && *at <= '9'; at++) precision = precision * 10 + (size_t)(*at - '0');
    }
    for (; *at == 'l' || *at == 'z'; at++) {
      if (*at == 'l') longs++;
      else is_size = true;
    }
    char number[DIGITS_MAX + 2];
    size_t length = 0;
    switch (*at) {
      case 's': {
        const char *text = va_arg(arguments, const char *);
        if (!text) text = "(null)";
        while (length < precision && text[length]) length++;
        field(&sink, text, length, width, left, ' ');
        break;
      }
      case 'c':
        number[0] = (char)va_arg(arguments, int);
        field(&sink, number, 1, width, left, ' ');
        break;
      case 'd':
      case 'i': {
        int64_t value = longs > 1    ? va_arg(arguments, long long)
                        : longs == 1 ? va_arg(arguments, long)
                        : is_size    ? (int64_t)va_arg(arguments, size_t)
                                     : va_arg(arguments, int);
        if (value < 0) number[length++] = '-';
        length += digits(number + length, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
        field(&sink, number, length, width, left, fill);
        break;
      }
      case 'u':
      case 'x':
      case 'X': {
        uint64_t value = longs > 1    ? va_arg(arguments, unsigned long long)
                         : longs == 1 ? va_arg(arguments, unsigned long)
                         : is_size    ? va_arg(arguments, size_t)
                                      : va_arg(arguments, unsigned);
        length = digits(number, value, *at == 'u' ? 10 : 16);
        field(&sink, number, length, width, left, fill);
        break;
      }
      case 'p':
        number[0] = '0';
        number[1] = 'x';
        length = 2 + digits(number + 2, (uintptr_t)va_arg(arguments, void *), 16);
        field(&sink, number, length, width, left, ' ');
        break;
      case '%':
        put(&sink, '%');
        break;
      default:
        // what is not known is shown as it stands
        put(&sink, '%');
        if (*at) put(&sink, *at);
        else at--;
        break;
    }
  }
  if (size > 0) into[sink.length < size ? sink.length : size - 1] = 0;
  return (int)sink.length;
}

int print_text(char *into, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = print_arguments(into, size, format, arguments);
  va_end(arguments);
  return length;
}

def report(text):
    words = text.split()
    return {'words': len(words), 'longest': max(words, key=len)}
